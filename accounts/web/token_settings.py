"""Administration: what holds for all user tokens."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.models import AccountSettings, UserToken
from accounts.services import tokens
from accounts.web.access import administrator_required


class TokenSettingsForm(forms.Form):
    """The one switch there is."""

    show_token_again = forms.BooleanField(
        label=_("User tokens can be shown again"),
        required=False,
        help_text=_(
            "Off: only a hash of the pass code is kept, and people see it once, when it is made. "
            "On: an encrypted copy is kept as well, its key outside the database, and people can show their token "
            "again after typing their password. Switching off destroys the copies; tokens keep working."
        ),
    )


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def token_settings(request: HttpRequest) -> HttpResponse:
    """Show or change the settings of user tokens."""
    initial = {"show_token_again": AccountSettings.load().show_token_again}
    form = TokenSettingsForm(request.POST or None, initial=initial)
    if request.method == "POST":
        # An unticked box sends nothing, so an empty form is a valid answer too.
        form = TokenSettingsForm(request.POST)
        if form.is_valid():
            tokens.set_show_token_again(allowed=form.cleaned_data["show_token_again"])
            messages.success(request, _("The settings are saved."))
            return HttpResponseRedirect(reverse("token-settings"), status=303)
    context = {"form": form, "count": UserToken.objects.count()}
    return render(request, "accounts/token_settings.html", context)
