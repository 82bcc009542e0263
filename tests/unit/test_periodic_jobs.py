"""The table of periodic jobs, and the jobs that are not the blob stores'."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from accounts.tasks import clear_expired_sessions
from blobstores.models import BlobStore
from repoman.celery import PERIODIC, app
from repoman.toolbox import clock
from repositories.models import Repository, UpstreamPage
from repositories.tasks import forget_absent_pages


def test_every_periodic_job_is_a_task_there_is():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in PERIODIC.values()} <= set(app.tasks)


def test_tasks_survive_their_worker():
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
    assert app.conf.broker_transport_options["unacked_restore_interval"] == 2


@pytest.mark.django_db
def test_expired_sessions_are_removed():
    for key, hours in (("expired", -1), ("living", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=clock.now() + timedelta(hours=hours))
    assert clear_expired_sessions() == 1
    assert [session.session_key for session in Session.objects.all()] == ["living"]
    assert clear_expired_sessions() == 0


@pytest.mark.django_db
def test_old_negative_answers_are_forgotten_and_pages_kept():
    row = Repository.objects.create(name="r", recipe="pypi-proxy", blob_store=BlobStore.objects.create(name="b"))
    for name, absent, hours in (("old", True, 25), ("new", True, 1), ("page", False, 1000)):
        then = clock.now() - timedelta(hours=hours)
        UpstreamPage.objects.create(repository=row, project=name, absent=absent, checked_at=then, changed_at=then)
    assert forget_absent_pages() == 1
    assert set(UpstreamPage.objects.values_list("project", flat=True)) == {"new", "page"}
    assert forget_absent_pages() == 0
