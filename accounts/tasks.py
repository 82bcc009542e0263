"""Celery tasks of the accounts."""

from django.contrib.sessions.models import Session

from repoman.celery import app
from repoman.toolbox import clock


@app.task(name="accounts.clear_expired_sessions")
def clear_expired_sessions() -> int:
    """Remove the rows of sessions that have run out; returns how many."""
    return Session.objects.filter(expire_date__lt=clock.now()).delete()[0]
