"""Merging pages of several repositories into one: by file name, the first one wins with everything it says of a file.

Attributes of one repository are never mixed with the bytes of another: a hash from here with a link from there is how
clients end up with mismatches.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from repositories.domain.names import NormalizedName
from repositories.domain.page import (
    DistributionFile,
    Freshness,
    ProjectList,
    ProjectPage,
    ProjectStatus,
    RefusedFile,
    earliest,
)

logger = logging.getLogger(__name__)

# The most restrictive status of those that contribute holds (PEP 792).
_SEVERITY = {"active": 0, "deprecated": 1, "archived": 2, "quarantined": 3}


def merge_pages(pages: Sequence[ProjectPage]) -> ProjectPage:
    """Merge pages of one project; order is precedence. ``pages`` is not empty."""
    if len(pages) == 1:
        return pages[0]
    files: dict[str, DistributionFile] = {}
    refused: dict[str, RefusedFile] = {}
    for page in pages:
        for hidden in page.refused:
            refused.setdefault(hidden.file.filename, hidden)
        for file in page.files:
            # A file one member's rule hides is not to come in through the next one.
            if file.filename in refused and refused[file.filename].file.origin != file.origin:
                continue
            kept = files.setdefault(file.filename, file)
            if kept is not file and _conflict(kept, file):
                logger.warning(
                    "%s differs between %s and %s; the first is used", file.filename, kept.origin, file.origin
                )
    contributing = [page for page in pages if page.files or page.versions]
    return replace(
        pages[0],
        files=tuple(files.values()),
        versions=tuple(dict.fromkeys(version for page in pages for version in page.versions)),
        status=_status([page.status for page in contributing or pages]),
        refused=tuple(hidden for name, hidden in refused.items() if name not in files),
        freshness=_freshness([page.freshness for page in pages]),
    )


def merge_lists(listings: Sequence[ProjectList]) -> ProjectList:
    """Union of root lists; the first display name of a project is used."""
    if len(listings) == 1:
        return listings[0]
    projects: dict[NormalizedName, str] = {}
    for listing in reversed(listings):
        projects.update(listing.projects)
    return ProjectList(projects=projects, freshness=_freshness([listing.freshness for listing in listings]))


def _conflict(left: DistributionFile, right: DistributionFile) -> bool:
    shared = set(left.hashes) & set(right.hashes)
    return any(left.hashes[name] != right.hashes[name] for name in shared)


def _status(statuses: Sequence[ProjectStatus]) -> ProjectStatus:
    # A quarantined member's page is already without files; it must not empty the others.
    candidates = [status for status in statuses if status.status != "quarantined"] or statuses
    return max(candidates, key=lambda status: _SEVERITY[status.status])


def _freshness(parts: Sequence[Freshness]) -> Freshness:
    return Freshness(
        max_age=min((part.max_age for part in parts), default=0),
        stale=any(part.stale for part in parts),
        reason="; ".join(part.reason for part in parts if part.reason),
        holds_until=earliest(*(part.holds_until for part in parts)),
    )
