"""Writing down something about a repository that may be deleted at the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError

from repoman.toolbox import transactions
from repositories.models import Repository


@dataclass(slots=True)
class Writing:
    """``done`` once everything is committed."""

    done: bool = False


@contextmanager
def unless_deleted(repository_id: int) -> Iterator[Writing]:
    """Write in one transaction; when the repository is gone by the end of it, nothing is written and nothing is raised.

    An answer of an upstream takes seconds, in which an administrator can delete the repository that asked. The database
    then refuses the row at the commit, which is no fault: there is nothing left to remember anything for.
    """
    writing = Writing()
    try:
        with transactions.write():
            yield writing
        writing.done = True
    except IntegrityError:
        if Repository.objects.filter(pk=repository_id).exists():
            raise
