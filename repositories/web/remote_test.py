"""Asking a remote now, before or after its settings are saved.

Only the class of a failure is said: what exactly lies behind an address is nobody's business who can merely type it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from repositories.domain.errors import UpstreamError
from repositories.models import Repository
from repositories.recipe import OptionErrors, Recipe
from repositories.services.options import checked_options
from repositories.upstream.options import ProxyOptions, connect
from repositories.upstream.probe import ProbeResult, probe


@dataclass(frozen=True, slots=True)
class RemoteTest:
    """The outcome in words. ``facts`` are labels with what was found."""

    works: bool
    title: str
    detail: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def run_remote_test(
    recipe: Recipe, options: Mapping[str, Any], repository: Repository | None, *, stored: bool = False
) -> RemoteTest:
    """Ask the remote of ``options``: as typed into a form, or ``stored`` as they are in the repository's row.

    A stored password goes only to the server it was stored for, which `checked_options` sees to.
    """
    try:
        checked = dict(options) if stored else checked_options(recipe, options, stored=_stored(repository))
    except OptionErrors as wrong:
        labels = {option.key: option.label for option in recipe.options}
        said = " ".join(f"{labels.get(key, key)}: {message}" for key, message in wrong.errors.items())
        return RemoteTest(False, _("The remote was not asked; something must be put right first."), said)
    try:
        result = probe(connect(ProxyOptions.of(checked)))
    except UpstreamError as error:
        return RemoteTest(False, _("The remote was not asked."), error.detail)
    return _in_words(result)


def _stored(repository: Repository | None) -> Mapping[str, Any] | None:
    return repository.options if repository is not None else None


def _in_words(result: ProbeResult) -> RemoteTest:
    if not result.ok:
        detail = _("It answered with HTTP status %(status)s.") % {"status": result.status} if result.status else ""
        detail = result.detail if result.outcome == "certificate" else detail
        return RemoteTest(False, str(result.message), detail)
    kind = {"json": "JSON", "html": "HTML"}.get(str(result.kind), str(result.kind))
    facts = [
        (_("Time"), _("%(count)s ms") % {"count": result.milliseconds}),
        (_("Index"), result.index_root),
        (_("Pages"), f"{kind} {result.api_version}".strip()),
    ]
    if result.final_url and not result.final_url.startswith(result.index_root):
        facts.append((_("Leads to"), result.final_url))
    if result.metadata_offered is not None:
        facts.append((_("Metadata files"), _("offered") if result.metadata_offered else _("not offered")))
    if result.certificate_end is not None:
        facts.append((_("Certificate valid until"), f"{result.certificate_end:%Y-%m-%d}"))
    return RemoteTest(True, str(result.message), facts=tuple(facts))
