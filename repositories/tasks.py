"""Celery tasks of the repositories; what they do is in `services/`."""

from repoman.celery import app
from repositories.services import upkeep


@app.task(name="repositories.forget_absent_pages")
def forget_absent_pages() -> int:
    """Forget long-past answers "no such project" of upstreams; returns how many."""
    return upkeep.forget_absent_pages()
