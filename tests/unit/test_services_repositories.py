"""Creating, changing and deleting repositories."""

from datetime import UTC, datetime
from typing import Any

import pytest

from blobstores.models import BlobStore
from repositories.models import Configuration, Repository, UpstreamHealth, UpstreamPage
from repositories.services.errors import ServiceErrors
from repositories.services.members import member_names, members_below, would_circle
from repositories.services.repositories import (
    LONG_AGO,
    create_repository,
    delete_repository,
    invalidate_cache,
    set_online,
    update_repository,
)
from repositories.services.routing_rules import create_routing_rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _store() -> None:
    BlobStore.objects.get_or_create(name="default")


def hosted(name: str, **more: Any) -> Repository:
    return create_repository(name=name, recipe="pypi-hosted", blob_store="default", options={}, **more)


def proxy(name: str) -> Repository:
    options = {"remote_url": "https://index.example"}
    return create_repository(name=name, recipe="pypi-proxy", blob_store="default", options=options)


def group(name: str, *members: str) -> Repository:
    return create_repository(name=name, recipe="pypi-group", blob_store="default", options={}, members=members)


def refused(call: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    before = generation()
    with pytest.raises(ServiceErrors) as caught:
        call(*args, **kwargs)
    assert generation() == before, "a refused change must not count as one"
    return {field: str(message) for field, message in caught.value.errors.items()}


def generation() -> int:
    return Configuration.objects.filter(pk=1).values_list("generation", flat=True).first() or 0


def test_a_hosted_repository_gets_its_declared_defaults() -> None:
    made = hosted("pypi-hosted")
    assert (made.name, made.recipe, made.blob_store.name, made.online) == (
        "pypi-hosted",
        "pypi-hosted",
        "default",
        True,
    )
    assert made.options == {"deployment_policy": "allow_once", "upload_by": "users"}


@pytest.mark.parametrize("name", ["", ".hidden", "_x", "a b", "a/b", "가나다", "x" * 129, "a\n", "<script>"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name: str) -> None:
    assert list(refused(hosted, name)) == ["name"]


def test_a_name_that_is_a_path_of_the_console_is_refused() -> None:
    assert refused(hosted, "New") == {"name": "This name is reserved. Choose another one."}


def test_two_names_must_differ_in_more_than_case() -> None:
    hosted("Team-A")
    assert refused(hosted, "team-a") == {
        "name": "There is “Team-A” already; two names must differ in more than case.",
    }
    assert refused(hosted, "Team-A") == {"name": "A repository with this name exists already."}


def test_unknown_recipe_store_rule_and_option_are_named_by_field() -> None:
    assert list(refused(create_repository, name="x", recipe="npm-hosted", blob_store="default", options={})) == [
        "recipe"
    ]
    wrong = refused(
        create_repository,
        name="_",
        recipe="pypi-hosted",
        blob_store="no",
        options={"a": 1},
        members=["x"],
        routing_rule="r",
    )
    assert sorted(wrong) == ["a", "blob_store", "members", "name", "routing_rule"]
    assert not Repository.objects.exists()


def test_a_group_keeps_the_order_of_its_members() -> None:
    for name in ("a", "b", "c"):
        hosted(name)
    made = group("all", "c", "a", "b")
    assert member_names(made) == ["c", "a", "b"]
    update_repository(made, options={}, members=["b", "c"])
    assert member_names(made) == ["b", "c"]


def test_a_group_needs_members_that_exist_and_come_once() -> None:
    hosted("a")
    assert refused(group, "all") == {"members": "Choose at least one member."}
    assert refused(group, "all", "a", "nope") == {"members": "There is no repository “nope”."}
    assert refused(group, "all", "a", "a") == {"members": "“a” is in the list twice."}
    Repository.objects.filter(name="a").update(recipe="gone-plugin")
    assert refused(group, "all", "a") == {"members": "“a” has another format than this group."}


def test_a_circle_of_groups_is_refused_with_its_path() -> None:
    hosted("leaf")
    inner = group("inner", "leaf")
    group("middle", "inner")
    group("outer", "middle", "leaf")
    assert refused(update_repository, inner, options={}, members=["leaf", "outer"]) == {
        "members": "A group cannot contain itself: inner → outer → middle → inner",
    }
    assert refused(update_repository, inner, options={}, members=["inner"]) == {
        "members": "A group cannot contain itself: inner → inner",
    }
    assert would_circle(inner) == {"inner", "middle", "outer"}
    assert [row.name for row in members_below(Repository.objects.get(name="outer"))] == ["leaf"]


def test_every_change_counts_once_and_raises_the_generation_of_the_repository() -> None:
    start = generation()
    made = hosted("a")
    assert generation() == start + 1
    update_repository(made, options={"deployment_policy": "allow"})
    assert (generation(), made.generation, made.options["deployment_policy"]) == (start + 2, 1, "allow")
    set_online(made, False)
    made.refresh_from_db()
    assert (generation(), made.generation, made.online) == (start + 3, 2, False)
    delete_repository(made)
    assert generation() == start + 4


def test_a_routing_rule_is_set_and_taken_off_by_name() -> None:
    create_routing_rule(name="ours", mode="block", patterns=["acme-*"])
    made = hosted("a", routing_rule="ours")
    assert made.routing_rule is not None
    assert made.routing_rule.name == "ours"
    update_repository(made, options={})
    assert made.routing_rule is None


def test_a_member_is_not_deleted_behind_the_back_of_its_groups() -> None:
    made = hosted("a")
    hosted("b")
    group("one", "a", "b")
    group("two", "b", "a")
    assert "one, two" in refused(delete_repository, made)["groups"]
    delete_repository(made, detach=True)
    assert member_names(Repository.objects.get(name="one")) == ["b"]
    assert Repository.objects.get(name="two").generation == 1
    assert not Repository.objects.filter(name="a").exists()


def test_taking_out_the_only_member_of_a_group_is_refused() -> None:
    made = hosted("a")
    group("one", "a")
    assert "only member of: one" in refused(delete_repository, made, detach=True)["groups"]
    assert Repository.objects.filter(name="a").exists()


def _page(repository: Repository, project: str, *, absent: bool = False) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    UpstreamPage.objects.create(
        repository=repository, project=project, absent=absent, checked_at=now, changed_at=now, document=b"x"
    )


def test_invalidating_a_proxy_makes_its_pages_due_and_forgets_what_was_absent() -> None:
    made, other = proxy("p"), proxy("other")
    for repository in (made, other):
        _page(repository, "six")
        _page(repository, "nothing", absent=True)
    assert invalidate_cache(made) == 1
    assert list(UpstreamPage.objects.filter(repository=made).values_list("project", "checked_at", "document")) == [
        ("six", LONG_AGO, b"x")
    ]
    assert UpstreamPage.objects.filter(repository=other, absent=True).count() == 1


def test_invalidating_a_group_reaches_the_proxies_of_nested_groups_only() -> None:
    proxy("p"), proxy("apart"), hosted("h")
    group("inner", "p")
    for name in ("p", "apart"):
        _page(Repository.objects.get(name=name), "six")
    assert invalidate_cache(group("outer", "h", "inner")) == 1
    times = dict(UpstreamPage.objects.values_list("repository__name", "checked_at"))
    assert times["p"] == LONG_AGO
    assert times["apart"] != LONG_AGO


def remembered(row: Repository) -> None:
    """A listing, a page and a "no such project", and an upstream that is blocked."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for project, absent in [("", False), ("six", False), ("gone", True)]:
        UpstreamPage.objects.create(
            repository=row, project=project, absent=absent, checked_at=moment, changed_at=moment
        )
    UpstreamHealth.objects.create(repository=row, status="auto-blocked", failures=5)


def test_another_remote_url_starts_without_what_the_old_one_said_alone() -> None:
    row = proxy("p")
    remembered(row)
    update_repository(row, options={"remote_url": "https://other.example"})
    assert [page.project for page in UpstreamPage.objects.all()] == ["six"]
    assert not UpstreamHealth.objects.exists()


def test_other_settings_lift_a_block_and_keep_what_the_remote_said() -> None:
    row = proxy("p")
    remembered(row)
    update_repository(row, options={"timeout": 30})
    assert UpstreamPage.objects.count() == 3
    assert not UpstreamHealth.objects.exists()


def test_saving_the_same_settings_changes_nothing_about_the_remote() -> None:
    row = proxy("p")
    remembered(row)
    update_repository(row, options={})
    assert UpstreamPage.objects.count() == 3
    assert UpstreamHealth.objects.get().failures == 5
