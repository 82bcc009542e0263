"""Who is asking on the console, and the one check of its administration pages."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.identity import ANONYMOUS, Identity
from accounts.models import User
from accounts.permissions import SYSTEM, Action, may

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def identity_of(request: HttpRequest) -> Identity:
    """Return who is signed in to the console, or ANONYMOUS."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return ANONYMOUS
    return Identity(user_id=user.pk, username=user.get_username(), administrator=user.is_administrator)


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user's row.

    Raises PermissionDenied when nobody is signed in, which LoginRequiredMiddleware rules out for views that need it.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    # request.user is a lazy wrapper; services want the row itself.
    return User.objects.get(pk=request.user.pk)


def administrator_required(view: "View[P]") -> "View[P]":
    """Let a view run only for someone who may administer the system; anyone else gets 403."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not may(identity_of(request), Action.ADMINISTER, SYSTEM):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value] # a keyword or not is all that differs
