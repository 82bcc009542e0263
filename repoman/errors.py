"""Error pages of the console; every 500 gets an id that stands in the log beside its traceback."""

import logging
import secrets
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

log = logging.getLogger("repoman.errors")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: what was sent cannot be understood."""
    # No request in the template: its host or session may be the very thing that is wrong.
    return HttpResponse(_plain("errors/400.html"), status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, but without the right."""
    return render(request, "errors/403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404; the address asked for is not repeated."""
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a page that needs neither database nor session, and an error id to ask about."""
    error_id = secrets.token_hex(4).upper()
    log.error("error id %s: %s %s", error_id, request.method, request.path, exc_info=sys.exc_info())
    return HttpResponse(_plain("errors/500.html", error_id=error_id), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form's token is missing or old, mostly after signing in anew in another tab."""
    return render(request, "errors/csrf.html", status=403)


def _plain(template: str, **values: Any) -> str:
    return render_to_string(template, {"theme": "system", **values})
