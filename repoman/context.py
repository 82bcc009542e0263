"""What every template of the console may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from accounts.web.access import identity_of
from repoman.appearance import theme_of
from repoman.navigation import menu_of

# In its own language, so that whoever cannot read the page's finds it.
LANGUAGE_NAMES = {"en": "English", "ko": "한국어"}


def console(request: HttpRequest) -> dict[str, Any]:
    """Return the menu, the theme, the languages to switch to and the address of the first page."""
    return {
        "identity": SimpleLazyObject(lambda: identity_of(request)),
        "navigation": SimpleLazyObject(lambda: menu_of(request, identity_of(request))),
        "theme": theme_of(request),
        "languages": [
            {"code": code, "name": LANGUAGE_NAMES[code], "current": code == get_language()}
            for code, _label in settings.LANGUAGES
        ],
        "home": _home(),
    }


def _home() -> str:
    try:
        return reverse("overview")
    except NoReverseMatch:
        return "/"
