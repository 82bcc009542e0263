"""Writing down something about a repository that may be deleted at the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from repositories.models import Repository


@contextmanager
def unless_deleted(repository_id: int) -> Iterator[None]:
    """Write in one transaction; when the repository is gone by the end of it, nothing is written and nothing is raised.

    An answer of an upstream takes seconds, in which an administrator can delete the repository that asked. The database
    then refuses the row at the commit, which is no fault: there is nothing left to remember anything for.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        if Repository.objects.filter(pk=repository_id).exists():
            raise
