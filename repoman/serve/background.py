"""The background child: a Celery worker with the scheduler in a thread of its own.

One process for both saves the memory of a second one; the periodic jobs are idempotent, so it does no harm when two
servers share a broker and both schedule them.
"""

import os
import warnings
from typing import Any

from repoman.serve import lifeline

CONCURRENCY = 4


def main() -> None:
    """Work until SIGTERM; tasks that run are finished first."""
    lifeline.hold()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "repoman.settings")
    from celery.beat import EmbeddedService
    from celery.exceptions import SecurityWarning
    from celery.signals import worker_ready, worker_shutting_down
    from django.conf import settings

    from repoman.celery import app

    # It warns of root because of pickled messages; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    schedule = str(settings.DATA_DIR / "schedule")
    scheduler: Any = EmbeddedService(app, thread=True, schedule_filename=schedule)

    @worker_ready.connect(weak=False)
    def start_scheduler(**kwargs: Any) -> None:
        scheduler.start()

    @worker_shutting_down.connect(weak=False)
    def stop_scheduler(**kwargs: Any) -> None:
        if scheduler.is_alive():
            scheduler.stop()

    app.worker_main(
        ["--quiet", "worker", "--pool", "threads", "--concurrency", str(CONCURRENCY), "--without-gossip",
         "--without-mingle", "--loglevel", settings.REPOMAN.log_level_checked]
    )  # fmt: skip


if __name__ == "__main__":
    main()
