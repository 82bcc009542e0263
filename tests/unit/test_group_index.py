"""The group: who answers for a name. Checklist item 12 and threat T1 (dependency confusion)."""

import asyncio
import itertools
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repositories.dataplane.indexes import OfflineIndex
from repositories.domain.errors import NotFound, Offline, Refused, UpstreamError
from repositories.domain.filtering import FilteredIndex
from repositories.domain.index import ByteStream, Part, find_file
from repositories.domain.names import normalize
from repositories.filters.routing_rule import RoutingRule
from repositories.recipes.pypi_group import GroupIndex
from tests.fake_index import FakeIndex

T = TypeVar("T")
ACME = normalize("acme-x")


def run(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


def names(group: GroupIndex, project: str = "acme-x") -> list[str]:
    return [file.filename for file in run(group.project_page(normalize(project))).files]


def hosted(**projects: list[str]) -> FakeIndex:
    return FakeIndex("hosted", projects or {"acme-x": ["acme_x-1.0.tar.gz"]}, owns=True)


def proxy(**projects: list[str]) -> FakeIndex:
    return FakeIndex("proxy", projects or {"acme-x": ["acme_x-99.tar.gz"], "six": ["six-1.0.tar.gz"]})


@pytest.mark.parametrize("hosted_first", [True, False])
def test_a_hosted_name_is_never_completed_from_a_proxy_nor_asked_there(hosted_first: bool) -> None:
    own, public = hosted(), proxy()
    group = GroupIndex("all", [own, public] if hosted_first else [public, own], merge=False)
    assert names(group) == ["acme_x-1.0.tar.gz"]
    assert public.asked == []


def test_a_hosted_name_without_files_still_closes_the_way_to_the_proxy() -> None:
    own, public = FakeIndex("hosted", {"acme-x": []}, owns=True), proxy()
    assert names(GroupIndex("all", [public, own], merge=False)) == []
    assert public.asked == []


def test_other_names_come_from_the_proxy() -> None:
    assert names(GroupIndex("all", [hosted(), proxy()], merge=False), "six") == ["six-1.0.tar.gz"]


def test_a_member_that_is_down_is_not_a_member_without_the_project() -> None:
    down = FakeIndex("down", {}, failure=UpstreamError("The upstream does not answer"))
    other = proxy()
    with pytest.raises(UpstreamError):
        names(GroupIndex("all", [down, other], merge=False), "six")
    assert other.asked == []
    with pytest.raises(UpstreamError):
        names(GroupIndex("all", [other, down], merge=True), "six")


def test_an_offline_hosted_member_closes_its_own_names_only() -> None:
    group = GroupIndex("all", [OfflineIndex(hosted(), hosted=True), proxy()], merge=False)
    assert names(group, "six") == ["six-1.0.tar.gz"]
    with pytest.raises(Offline):
        names(group)


def test_an_offline_proxy_does_not_drop_out() -> None:
    group = GroupIndex(
        "all", [OfflineIndex(proxy(), hosted=False), FakeIndex("second", {"six": ["six-2.tar.gz"]})], merge=False
    )
    with pytest.raises(Offline):
        names(group, "six")


def test_nobody_has_it() -> None:
    with pytest.raises(NotFound):
        names(GroupIndex("all", [hosted(), proxy()], merge=False), "unknown")


def test_the_first_of_two_proxies_wins_and_files_are_not_mixed() -> None:
    first = FakeIndex("first", {"six": ["six-1.0.tar.gz"]})
    second = FakeIndex("second", {"six": ["six-1.0.tar.gz", "six-2.0.tar.gz"]})
    group = GroupIndex("all", [first, second], merge=False)
    assert names(group, "six") == ["six-1.0.tar.gz"]
    assert second.asked == []


def test_merging_keeps_the_first_members_whole_entry_for_a_shared_file_name() -> None:
    first = FakeIndex("first", {"six": ["six-1.0.tar.gz"]})
    second = FakeIndex("second", {"six": ["six-1.0.tar.gz", "six-2.0.tar.gz"]})
    page = run(GroupIndex("all", [first, second], merge=True).project_page(normalize("six")))
    assert [(file.filename, file.origin, file.hashes["sha256"][0]) for file in page.files] == [
        ("six-1.0.tar.gz", "first", "f"),
        ("six-2.0.tar.gz", "second", "s"),
    ]


def test_a_file_is_opened_at_the_member_it_came_from_through_nested_groups() -> None:
    inner = GroupIndex("inner", [hosted(), proxy()], merge=False)
    outer = GroupIndex("outer", [FakeIndex("else", {}), inner], merge=False)

    async def content() -> bytes:
        file = await find_file(outer, normalize("six"), "six-1.0.tar.gz")
        source = await outer.open_file(file, Part.FILE)
        assert isinstance(source, ByteStream)
        return b"".join([chunk async for chunk in source.chunks(0)])

    assert run(content()) == b"proxy:six-1.0.tar.gz"


def test_ownership_is_seen_through_nested_groups() -> None:
    public = proxy()
    inner = GroupIndex("inner", [hosted()], merge=False)
    assert names(GroupIndex("outer", [public, inner], merge=False)) == ["acme_x-1.0.tar.gz"]
    assert public.asked == []


def guarded(index: FakeIndex, mode: str, *patterns: str) -> FilteredIndex:
    return FilteredIndex(index, [RoutingRule("no-acme", mode, patterns)], lambda: datetime.now(UTC))


def test_a_blocked_name_is_refused_by_name_and_never_asked_upstream() -> None:
    public = proxy()
    group = GroupIndex("all", [guarded(public, "block", "acme-*")], merge=False)
    with pytest.raises(Refused) as refused:
        names(group)
    assert refused.value.rule == "no-acme"
    assert public.asked == []
    assert names(group, "six") == ["six-1.0.tar.gz"]


def test_an_allow_rule_lets_through_only_what_it_names() -> None:
    index = guarded(proxy(), "allow", "Six")
    assert run(index.project_page(normalize("six"))).project == "six"
    with pytest.raises(Refused):
        run(index.project_page(ACME))
    assert set(run(index.project_list()).projects) == {"six"}


def test_a_filter_that_fails_refuses() -> None:
    class Broken(RoutingRule):
        def judge_project(self, project: Any, context: Any) -> Any:
            raise ZeroDivisionError

    index = FilteredIndex(proxy(), [Broken("broken", "block", ())], lambda: datetime.now(UTC))
    with pytest.raises(Refused):
        run(index.project_page(ACME))


spellings = st.sampled_from(["acme-x", "Acme_X", "acme.x", "ACME--x", "acme._-x"])
orders = st.permutations(["hosted", "proxy", "mirror"])


@given(orders, spellings)
def test_no_order_and_no_spelling_lets_an_upstream_answer_for_a_hosted_name(order: list[str], spelling: str) -> None:
    own, public, mirror = hosted(), proxy(), FakeIndex("mirror", {"acme-x": ["acme_x-98.tar.gz"]})
    members = {"hosted": own, "proxy": public, "mirror": mirror}
    group = GroupIndex("all", [members[name] for name in order], merge=False)
    assert names(group, spelling) == ["acme_x-1.0.tar.gz"]
    assert list(itertools.chain(public.asked, mirror.asked)) == []
