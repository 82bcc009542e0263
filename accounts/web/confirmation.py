"""Typing the password again before something that matters; with the pause after wrong tries."""

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.services import attempts
from accounts.web.session import client_address, wait_text


def confirm_password(request: HttpRequest, user: User, form: forms.Form, field: str) -> int:
    """Check the password in the valid form's ``field``: 200, 422 when wrong, 429 during a pause. Errors go to the field."""
    try:
        attempt = attempts.begin(f"confirm:{user.pk}", client_address(request))
    except attempts.TooManyAttempts as error:
        wait = wait_text(error.seconds)
        form.add_error(field, _("Too many tries. The next one is possible in %(wait)s.") % {"wait": wait})
        return 429
    if user.check_password(form.cleaned_data[field]):
        attempts.succeeded(attempt)
        return 200
    if attempt.left:
        left = ngettext(
            "This is not your password. %(count)d try is left before a pause.",
            "This is not your password. %(count)d tries are left before a pause.",
            attempt.left,
        ) % {"count": attempt.left}
    else:
        left = str(_("This is not your password. The next try is possible after a pause."))
    form.add_error(field, left)
    return 422
