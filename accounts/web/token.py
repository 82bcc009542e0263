"""The user token page: locked, until the password is typed again; then the codes and ready texts for the tools.

What is unlocked is kept nowhere on the server. The page itself carries a sealed ticket with the codes, good for a few
minutes and for one person, so that another repository can be chosen and files can be downloaded without the
password, with or without JavaScript.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import AccountSettings, User, UserToken
from accounts.services import tokens
from accounts.web import snippets
from accounts.web.access import identity_of, user_of
from accounts.web.confirmation import confirm_password
from accounts.web.session import LONGEST_PASSWORD
from repoman.addresses import Address, addresses, base_url
from repoman.forms import PasswordInput
from repoman.toolbox import clock, secrets

OPEN_SECONDS = 300
TICKET_PURPOSE = "user-token-page"


class ConfirmForm(forms.Form):
    """It is really the person who signed in."""

    password = forms.CharField(
        label=_("Current password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Codes that may be on the page; ``made`` when they have just been made. ``pass_code`` is "" when nobody knows it."""

    name_code: str
    pass_code: str
    made: bool = False

    @property
    def codes(self) -> snippets.Codes:
        return snippets.Codes(self.name_code, self.pass_code or snippets.PLACEHOLDER)


@sensitive_post_parameters("password", "ticket")
@sensitive_variables()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def user_token(request: HttpRequest) -> HttpResponse:
    """Show the locked page; a POST unlocks it (``action`` access or reset) or shows it for another repository (view)."""
    user = user_of(request)
    if request.method != "POST":
        return _locked(request, user, ConfirmForm())
    if request.POST.get("action") == "view":
        unlocked = _from_ticket(request, user)
        if unlocked is None:
            return _closed(request)
        return _open(request, user, unlocked)
    form = ConfirmForm(request.POST)
    status = confirm_password(request, user, form, "password") if form.is_valid() else 422
    if status != 200:
        return _locked(request, user, form, status=status)
    return _open(request, user, _unlock(user, reset=request.POST.get("action") == "reset"))


@sensitive_post_parameters("ticket")
@sensitive_variables()
@never_cache
@require_POST
def user_token_file(request: HttpRequest) -> HttpResponse:
    """Download one of the page's files, named by ``file``."""
    user = user_of(request)
    unlocked = _from_ticket(request, user)
    if unlocked is None:
        return _closed(request)
    wanted = request.POST.get("file", "")
    for tool in _tools(request, unlocked)["tools"]:
        for snippet in tool.snippets:
            if snippet.filename and snippet.key == wanted:
                response = HttpResponse(snippet.text, content_type="text/plain; charset=utf-8")
                response["Content-Disposition"] = f'attachment; filename="{snippet.filename}"'
                return response
    return _open(request, user, unlocked, status=404)


def _unlock(user: User, *, reset: bool) -> Unlocked:
    row = UserToken.objects.filter(user=user).first()
    if row is None or reset:
        issued = tokens.issue(user)
        return Unlocked(issued.name_code, issued.pass_code, made=True)
    shown = tokens.reveal(user)
    return Unlocked(row.name_code, shown.pass_code if shown else "")


def _ticket(user: User, unlocked: Unlocked) -> str:
    until = clock.now().timestamp() + OPEN_SECONDS
    return secrets.seal(
        json.dumps([user.pk, until, unlocked.name_code, unlocked.pass_code, unlocked.made]), purpose=TICKET_PURPOSE
    )


def _from_ticket(request: HttpRequest, user: User) -> Unlocked | None:
    """Return what the page's ticket unlocks; None when it is not this person's, too old, or the token is another by now."""
    try:
        pk, until, name_code, pass_code, made = json.loads(
            secrets.unseal(request.POST.get("ticket", ""), purpose=TICKET_PURPOSE)
        )
    except (secrets.SecretUnreadable, UnicodeEncodeError):
        return None
    if pk != user.pk or until < clock.now().timestamp():
        return None
    if not UserToken.objects.filter(user=user, name_code=name_code).exists():
        return None
    return Unlocked(name_code, pass_code, made)


def _closed(request: HttpRequest) -> HttpResponse:
    """Lead back to the locked page; htmx would swap a part of it in, so it is told to go there as a whole."""
    messages.info(request, _("The page has closed. Codes stay open for five minutes; type your password again."))
    target = reverse("user-token")
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(target)
    return HttpResponseRedirect(target, status=303)


def _locked(request: HttpRequest, user: User, form: ConfirmForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "token": UserToken.objects.filter(user=user).first(),
        "again": AccountSettings.load().show_token_again,
    }
    return render(request, "accounts/token_locked.html", context, status=status)


def _open(request: HttpRequest, user: User, unlocked: Unlocked, status: int = 200) -> HttpResponse:
    context = {
        "unlocked": unlocked,
        "secrets": [unlocked.pass_code] if unlocked.pass_code else [],
        "token": UserToken.objects.get(user=user),
        "again": AccountSettings.load().show_token_again,
        "ticket": _ticket(user, unlocked),
        "open_seconds": OPEN_SECONDS,
        **_tools(request, unlocked),
    }
    return render(request, "accounts/token_open.html", context, status=status)


def _tools(request: HttpRequest, unlocked: Unlocked) -> dict[str, Any]:
    """Return the tools for the chosen repositories, and what there is to choose from."""
    base = base_url(request)
    readable = addresses(base, identity_of(request))
    hosted = [address for address in readable if address.type == "hosted"]
    read = _chosen(readable, request.POST.get("repository", ""))
    upload = _chosen(hosted, request.POST.get("upload", ""))
    found = []
    if read is not None:
        situation = snippets.Situation(read, upload, unlocked.codes)
        found = snippets.tools(situation, snippets.system_of(request.headers.get("User-Agent", "")))
    return {
        "tools": found,
        "readable": readable,
        "hosted": hosted,
        "read": read,
        "upload": upload,
        "unencrypted": _unencrypted(base),
    }


def _unencrypted(base: str) -> bool:
    """Whether codes sent to ``base`` can be read on the way; what stays on this machine cannot."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    return parts.scheme == "http" and host not in ("localhost", "::1") and not host.startswith("127.")


def _chosen(offered: list[Address], name: str) -> Address | None:
    """Return the one named, else the first."""
    return next((address for address in offered if address.name == name), offered[0] if offered else None)
