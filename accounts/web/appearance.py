"""The language and theme switches: kept in the profile when signed in, and in a cookie for the pages before that."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.models import User
from repoman.appearance import THEME_COOKIE, THEMES, remember


def safe_next(request: HttpRequest, fallback: str = "/") -> str:
    """Return the address in ``next`` when it leads to this server, else ``fallback``."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else fallback


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Switch to ``language``; one that does not exist changes nothing."""
    response = HttpResponseRedirect(safe_next(request))
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES):
        remember(response, settings.LANGUAGE_COOKIE_NAME, code)
        _keep(request, language=code)
    return response


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Switch to ``theme``; one that does not exist changes nothing."""
    response = HttpResponseRedirect(safe_next(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        remember(response, THEME_COOKIE, theme)
        _keep(request, theme=theme)
    return response


def _keep(request: HttpRequest, **values: str) -> None:
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(**values)
