"""The account page: what the server knows of the signed-in person, password, language and theme."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.services import users
from accounts.web.access import user_of
from accounts.web.confirmation import confirm_password
from accounts.web.session import LONGEST_PASSWORD
from repoman.forms import PasswordInput


def password_field(label: Any, autocomplete: str) -> forms.CharField:
    """Return a field for a password: never stripped, as spaces count, and never longer than is worth hashing."""
    return forms.CharField(
        label=label,
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class NewPasswordForm(forms.Form):
    """A new password, typed twice, judged by the server's rules on passwords."""

    new_password = password_field(_("New password"), "new-password")
    again = password_field(_("New password again"), "new-password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["new_password"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, str]:
        data = super().clean() or {}
        new, again = data.get("new_password"), data.get("again")
        if new and again and new != again:
            self.add_error("again", _("The two passwords differ."))
        if new:
            try:
                validate_password(new, self.user)
            except ValidationError as error:
                self.add_error("new_password", error)
        return data


class ChangePasswordForm(NewPasswordForm):
    """As above, with the current password first."""

    current_password = password_field(_("Current password"), "current-password")
    field_order = ("current_password", "new_password", "again")


@never_cache
@sensitive_post_parameters("current_password", "new_password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the account; a POST changes the password and ends the person's other sessions."""
    user = user_of(request)
    form = ChangePasswordForm(user, request.POST or None)
    status = 200
    if request.method == "POST":
        status = _change_password(request, user, form)
        if status == 303:
            messages.success(request, _("Your password is changed. Sessions on other devices have ended."))
            return HttpResponseRedirect(reverse("account"), status=303)
    return render(request, "accounts/account.html", {"form": form, "person": user}, status=status)


def _change_password(request: HttpRequest, user: User, form: ChangePasswordForm) -> int:
    if not form.is_valid():
        return 422
    status = confirm_password(request, user, form, "current_password")
    if status != 200:
        return status
    users.change_password(user, form.cleaned_data["new_password"])
    update_session_auth_hash(request, user)
    return 303
