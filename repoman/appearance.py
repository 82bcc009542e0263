"""How the console looks to whoever asks: language and theme, from the profile or a cookie."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

THEME_COOKIE = "theme"
THEMES = ("system", "light", "dark")
COOKIE_AGE = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    """Return "system", "light" or "dark": the profile's choice, else the cookie's, else the system's."""
    chosen = getattr(getattr(request, "user", None), "theme", "") or request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "system"


def remember(response: HttpResponse, cookie: str, value: str) -> None:
    """Keep a choice in a cookie, for the pages shown before signing in."""
    response.set_cookie(
        cookie, value, max_age=COOKIE_AGE, samesite="Lax", httponly=True, secure=bool(settings.SESSION_COOKIE_SECURE)
    )
