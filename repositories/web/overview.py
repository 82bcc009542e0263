"""The first page: the address to use, three steps to set it up, and for administrators what wants attention."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import UserToken
from accounts.web.access import identity_of
from repoman.addresses import addresses, base_url
from repoman.toolbox import clock
from repositories.models import TrustedCertificate
from repositories.web.listing import lines
from repositories.web.snippets import install_line

EXPIRES_SOON = timedelta(days=30)


LOOK = _("Look at it")


@dataclass(frozen=True, slots=True)
class Concern:
    """Something an administrator should look at; ``url`` leads to where it is put right ("" when nowhere here)."""

    title: str
    detail: str
    url: str = ""
    action: Any = LOOK


@require_http_methods(["GET", "HEAD"])
def overview(request: HttpRequest) -> HttpResponse:
    """Everyone's first page."""
    identity, base = identity_of(request), base_url(request)
    found = addresses(base, identity)
    groups = [address for address in found if address.type == "group"]
    first = (groups or found)[:1]
    context = {
        "addresses": groups or found,
        "only_groups": bool(groups),
        "token_used": UserToken.objects.filter(user_id=identity.user_id or 0, last_used_at__isnull=False).exists(),
        "pip_line": f"pip config --user set global.index-url {first[0].url}/simple/" if first else "",
        "install": install_line(project="six", name=first[0].name, base_url=base) if first else "",
        "concerns": concerns() if identity.administrator else [],
    }
    return render(request, "repositories/overview.html", context)


def concerns() -> list[Concern]:
    """What wants an administrator's attention, the most urgent first."""
    found = []
    if (Path(settings.REPOMAN.data_dir) / "admin.password").exists():
        title = _("The first password is still in a file")
        detail = _("Change the password of the first administrator; the file admin.password is removed then.")
        found.append(Concern(title, detail, reverse("account"), _("Change password")))
    for line in lines():
        if line.condition.tone in ("warn", "bad"):
            title = f"{line.repository.name}: {line.condition.word}"
            found.append(Concern(title, line.condition.detail, reverse("repository", args=[line.repository.name])))
    soon = clock.now() + EXPIRES_SOON
    for certificate in TrustedCertificate.objects.filter(not_after__lt=soon).order_by("not_after"):
        title = _("Certificate runs out: %(name)s") % {"name": certificate.name}
        detail = _("Valid until %(date)s") % {"date": f"{certificate.not_after:%Y-%m-%d}"}
        found.append(Concern(title, detail, reverse("certificates")))
    return found
