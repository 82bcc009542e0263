"""Upkeep of what repositories remember, so that it does not grow for ever."""

from datetime import timedelta

from repoman.toolbox import clock
from repositories.models import UpstreamPage

ABSENT_KEPT = timedelta(days=1)  # the longest time a negative answer may be trusted


def forget_absent_pages() -> int:
    """Delete remembered answers "no such project" older than ABSENT_KEPT; returns how many.

    Anybody may ask for any name, so without this each misspelt or invented name would stay as a row.
    """
    return UpstreamPage.objects.filter(absent=True, checked_at__lt=clock.now() - ABSENT_KEPT).delete()[0]
