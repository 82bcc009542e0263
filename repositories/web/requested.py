"""What a request names: a repository in the path, and the text of a filter."""

from django.http import Http404, HttpRequest

from repositories.domain.names import is_repository_name, printable
from repositories.models import Repository

LONGEST_FILTER = 128


def repository_named(name: str) -> Repository:
    """The row with all that pages show of it.

    Raises Http404, also for text that can be no name and that a database may not even take (NUL).
    """
    if is_repository_name(name):
        rows = Repository.objects.select_related("routing_rule", "blob_store", "upstream_health")
        found = rows.filter(name=name).first()
        if found is not None:
            return found
    raise Http404


def is_htmx(request: HttpRequest) -> bool:
    """Whether the page's script asks for a piece of the page instead of all of it."""
    return bool(getattr(request, "htmx", False))


def filter_text(request: HttpRequest) -> str:
    """What was typed into the page's filter, safe to compare with names."""
    return printable(request.GET.get("q", "").strip(), LONGEST_FILTER)
