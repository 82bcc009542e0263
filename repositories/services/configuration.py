"""The counter of configuration changes, by which every process sees that its live indexes are out of date."""

from django.db.models import F

from repositories.models import Configuration


def configuration_changed() -> None:
    """Count one change; call first in the transaction that makes it.

    The row's lock then also puts concurrent changes of the configuration one after another, so that what was
    checked (cycles of groups, members in use) is still true when the change is written.
    """
    if not Configuration.objects.filter(pk=1).update(generation=F("generation") + 1):
        Configuration.objects.get_or_create(pk=1)
        Configuration.objects.filter(pk=1).update(generation=F("generation") + 1)
