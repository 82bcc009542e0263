"""Counting changes of content: which project was changed since when, committed with the change or not at all."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from blobstores.models import BlobStore
from repositories import queries
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, ProjectPage
from repositories.models import Project, Repository
from repositories.services import upstream_pages
from repositories.services.generations import hosted_changed
from repositories.services.repositories import create_repository

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SOURCE = "https://index.example"


@pytest.fixture
def hosted(db: None) -> Repository:
    BlobStore.objects.create(name="default", kind="memory", options={})
    return create_repository(name="ours", recipe="pypi-hosted", blob_store="default", options={})


@pytest.fixture
def proxy(db: None) -> Repository:
    BlobStore.objects.create(name="default", kind="memory", options={})
    return create_repository(
        name="theirs", recipe="pypi-proxy", blob_store="default", options={"remote_url": SOURCE + "/"}
    )


def generations(repository: Repository) -> tuple[int, int]:
    return queries.generations()[1][repository.pk]


def changed(repository: Repository, since: int) -> list[str]:
    return sorted(queries.changed_projects(repository.pk, since, 10))


def test_a_change_raises_the_counter_and_stamps_only_its_own_project(hosted: Repository) -> None:
    for name in ("one", "two"):
        Project.objects.create(repository=hosted, name=name, display_name=name)
    hosted_changed(hosted.pk, "one", names=False)
    hosted_changed(hosted.pk, "two", names=True)
    assert generations(hosted) == (2, 1)
    assert changed(hosted, 0) == ["one", "two"]
    assert changed(hosted, 1) == ["two"]
    assert changed(hosted, 2) == []


def test_no_more_than_asked_for_are_listed(hosted: Repository) -> None:
    for number in range(5):
        Project.objects.create(repository=hosted, name=f"p{number}", display_name="p", generation=7)
    assert len(queries.changed_projects(hosted.pk, 6, 3)) == 3


def test_a_change_that_is_taken_back_was_never_counted(hosted: Repository) -> None:
    Project.objects.create(repository=hosted, name="one", display_name="one")
    with transaction.atomic():
        hosted_changed(hosted.pk, "one", names=True)
        transaction.set_rollback(True)
    assert (generations(hosted), changed(hosted, 0)) == ((0, 0), [])


def save(proxy: Repository, *files: str, at: datetime = NOW) -> None:
    listed = tuple(
        DistributionFile(filename=name, project=NormalizedName("six"), version="1", hashes={"sha256": "a" * 64})
        for name in files
    )
    page = ProjectPage(project=NormalizedName("six"), name="six", files=listed)
    upstream_pages.save(
        repository_id=proxy.pk,
        name=proxy.name,
        source=SOURCE,
        project=NormalizedName("six"),
        page=page,
        etag="",
        last_modified="",
        now=at,
    )


def test_a_page_an_upstream_says_again_changes_nothing_and_another_one_does(proxy: Repository) -> None:
    save(proxy, "six-1.tar.gz")
    start = generations(proxy)[0]
    save(proxy, "six-1.tar.gz", at=NOW + timedelta(hours=1))
    assert generations(proxy)[0] == start
    save(proxy, "six-1.tar.gz", "six-2.tar.gz", at=NOW + timedelta(hours=2))
    assert generations(proxy)[0] == start + 1
    assert changed(proxy, start) == ["six"]


def test_a_project_that_disappears_and_comes_back_is_a_change_each_time(proxy: Repository) -> None:
    save(proxy, "six-1.tar.gz")
    start = generations(proxy)[0]
    upstream_pages.mark_absent(repository_id=proxy.pk, project="six", now=NOW)
    upstream_pages.mark_absent(repository_id=proxy.pk, project="six", now=NOW)
    assert generations(proxy)[0] == start + 1
    save(proxy, "six-1.tar.gz")
    assert generations(proxy)[0] == start + 2


def test_a_new_root_list_is_stamped_on_the_list(proxy: Repository) -> None:
    names = {NormalizedName("six"): "six"}
    upstream_pages.save_listing(repository_id=proxy.pk, projects=names, etag="", last_modified="", now=NOW)
    assert changed(proxy, 0) == [upstream_pages.LISTING]
