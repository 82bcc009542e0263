"""The Celery application and the one table of periodic jobs.

Tasks are acknowledged after they have run and may therefore run twice: each must be idempotent.
"""

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "repoman.settings")

_HOURLY = timedelta(hours=1)
_DAILY = timedelta(days=1)

PERIODIC: dict[str, dict[str, Any]] = {
    "sweep temporary files of blob stores": {"task": "blobstores.sweep_temporary_files", "schedule": _HOURLY},
    "collect blobs nothing refers to": {"task": "blobstores.collect_garbage", "schedule": _DAILY},
    "forget projects upstreams did not have": {"task": "repositories.forget_absent_pages", "schedule": _HOURLY},
    "clear expired sessions": {"task": "accounts.clear_expired_sessions", "schedule": _DAILY},
}

app = Celery("repoman")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,  # threads cannot be cancelled
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 3600,  # seconds; longer than the longest task, else it runs twice
        # With kombu's defaults a task of a killed worker is delivered again after 100 s more, with these after 2.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    },
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
    timezone="UTC",
    beat_schedule=PERIODIC,
)
app.autodiscover_tasks()


@setup_logging.connect(weak=False)
def _keep_logging(**kwargs: Any) -> None:
    """Logging is set up by Django's settings; a receiver of this signal keeps Celery from doing it again."""
