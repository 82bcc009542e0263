"""Routing rules: allow or block projects by name pattern, before the repository (or its upstream) is asked."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from repositories.domain.filtering import KEEP, Context, Refuse, Verdict
from repositories.domain.names import NormalizedName, normalize
from repositories.domain.page import DistributionFile
from repositories.recipe import FilterFacts, FilterKind


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Patterns are globs on the normalized name (``acme-*``); with no regular expressions there is no slow pattern.

    ``block`` refuses what a pattern matches, ``allow`` refuses what none matches.
    """

    rule: str
    mode: str
    patterns: tuple[str, ...]
    timeless: ClassVar[bool] = True

    def judge_project(self, project: NormalizedName, context: Context) -> Verdict:
        matched = any(fnmatchcase(project, _normalized(pattern)) for pattern in self.patterns)
        if matched == (self.mode == "block"):
            return Refuse(f"Routing rule {self.rule} of repository {context.repository} does not let {project} through")
        return KEEP

    def judge(self, file: DistributionFile, context: Context) -> Verdict:
        return self.judge_project(file.project, context)


def _normalized(pattern: str) -> str:
    """People write the name as they know it ("Acme_*"); it is compared as PEP 503 compares names."""
    return normalize(pattern)


def _live(facts: FilterFacts) -> RoutingRule | None:
    row = facts.routing_rule
    return None if row is None else RoutingRule(row.name, row.mode, row.patterns)


FILTER = FilterKind(key="routing_rule", live=_live)
