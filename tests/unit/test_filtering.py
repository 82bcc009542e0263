"""An index behind filters: one verdict for page, file and list; a filter that fails refuses."""

import asyncio
from datetime import UTC, datetime

import pytest

from repositories.domain.errors import NotFound, Refused
from repositories.domain.filtering import KEEP, Context, FilteredIndex, Refuse
from repositories.domain.index import Part, find_file
from repositories.domain.names import normalize
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage

PROJECT = normalize("demo")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = (DistributionFile(filename=f"demo-{v}.tar.gz", project=PROJECT, version=v) for v in ("1.0", "2.0"))


class Shelf:
    """An index with one project, which counts how often it is asked."""

    name = "shelf"
    origins = frozenset({"shelf"})

    def __init__(self) -> None:
        self.asked = 0

    async def owns(self, project):
        return project == PROJECT

    async def project_list(self):
        return ProjectList(projects={PROJECT: "Demo", normalize("evil"): "Evil"})

    async def project_page(self, project):
        self.asked += 1
        return ProjectPage(project=project, name="Demo", files=(OLD, NEW), versions=("1.0", "2.0"))

    async def open_file(self, file, part):
        raise NotFound("none") if file is OLD else NotImplementedError


class Rule:
    """Hides a project and a version by name."""

    timeless = True

    def __init__(self, rule="no-evil", project="evil", version="2.0", error=None):
        self.rule, self.project, self.version, self.error = rule, project, version, error
        self.contexts = []

    def judge_project(self, project, context):
        self.contexts.append(context)
        return Refuse(f"{project} is evil") if project == self.project else KEEP

    def judge(self, file, context):
        if self.error:
            raise self.error
        return Refuse(f"{file.version} is too new") if file.version == self.version else KEEP


def filtered(*rules, shelf=None):
    return FilteredIndex(shelf or Shelf(), rules, lambda: NOW)


def page(index, project=PROJECT):
    return asyncio.run(index.project_page(project))


def test_refused_file_leaves_the_page_and_says_why():
    result = page(filtered(Rule()))
    assert result.files == (OLD,)
    assert [(hidden.file, hidden.rule, hidden.detail) for hidden in result.refused] == [
        (NEW, "no-evil", "2.0 is too new")
    ]
    assert result.versions == ("1.0", "2.0")


def test_one_gate_refused_file_cannot_be_reached_by_its_name():
    index = filtered(Rule())
    assert asyncio.run(find_file(index, PROJECT, OLD.filename)) is OLD
    with pytest.raises(Refused, match=r"2\.0 is too new") as caught:
        asyncio.run(find_file(index, PROJECT, NEW.filename))
    assert caught.value.rule == "no-evil"
    with pytest.raises(NotFound, match=r"shelf has no file demo-3\.0\.tar\.gz"):
        asyncio.run(find_file(index, PROJECT, "demo-3.0.tar.gz"))


def test_refused_project_is_never_asked_for_and_not_listed():
    shelf = Shelf()
    index = filtered(Rule(), shelf=shelf)
    with pytest.raises(Refused, match="evil is evil"):
        page(index, normalize("evil"))
    assert shelf.asked == 0
    assert asyncio.run(index.project_list()).projects == {PROJECT: "Demo"}


def test_filter_that_fails_refuses(caplog):
    result = page(filtered(Rule(error=RuntimeError("broken"))))
    assert result.files == ()
    assert {hidden.detail for hidden in result.refused} == {"Rule no-evil could not be applied"}
    assert "filter no-evil of shelf failed and therefore refuses" in caplog.text


def test_first_refusing_rule_is_named_and_outer_filters_keep_inner_refusals():
    first, second = Rule("first"), Rule("second", version="1.0")
    result = page(filtered(second, shelf=filtered(first)))
    assert {hidden.file.version: hidden.rule for hidden in result.refused} == {"2.0": "first", "1.0": "second"}
    both = page(filtered(Rule("a"), Rule("b")))
    assert [hidden.rule for hidden in both.refused] == ["a"]


def test_judges_get_the_repository_and_the_clock():
    rule = Rule()
    page(filtered(rule))
    assert rule.contexts == [Context(repository="shelf", now=NOW)]


def test_ownership_and_bytes_come_from_the_index_behind():
    index = filtered(Rule())
    assert asyncio.run(index.owns(PROJECT)) is True
    assert (index.name, index.origins) == ("shelf", frozenset({"shelf"}))
    with pytest.raises(NotFound):
        asyncio.run(index.open_file(OLD, Part.FILE))
