"""Signing in and out."""

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.services import attempts
from accounts.web.appearance import safe_next
from repoman.forms import PasswordInput

# Longer is refused unread: a slow hash of megabytes would be a way to keep the server busy.
LONGEST_PASSWORD = 4096


class SignInForm(forms.Form):
    """Name and password; the one error says nothing about which of them is wrong."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def client_address(request: HttpRequest) -> str:
    """Return the address a request came from, as the server in front of Django has settled it."""
    return str(request.META.get("REMOTE_ADDR", ""))


def wait_text(seconds: int) -> str:
    """Say how long to wait, in words."""
    if seconds <= 90:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    minutes = -(-seconds // 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the form, or check it: 303 to ``next`` when right, 422 when wrong, 429 during a pause."""
    target = safe_next(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = _check(request, form)
        if status == 303:
            return HttpResponseRedirect(target, status=303)
    return render(request, "accounts/sign_in.html", {"form": form, "next": target}, status=status)


def _check(request: HttpRequest, form: SignInForm) -> int:
    if not form.is_valid():
        return 422
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    try:
        attempt = attempts.begin(f"sign-in:{username}", client_address(request))
    except attempts.TooManyAttempts as error:
        wait = wait_text(error.seconds)
        form.add_error(None, _("Too many tries. The next one is possible in %(wait)s.") % {"wait": wait})
        return 429
    user = authenticate(request, username=username, password=password)
    if user is None:
        form.add_error(None, _("User name and password do not belong together. Check both and try again."))
        return 422
    attempts.succeeded(attempt)
    login(request, user)
    return 303


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return HttpResponseRedirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "sign-in"))
