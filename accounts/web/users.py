"""Administration of users."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.models import Role, User
from accounts.services import tokens, users
from accounts.web.access import administrator_required
from accounts.web.account import NewPasswordForm

PAGE_SIZE = 50


class ProfileForm(forms.Form):
    """What an administrator says of a user."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Role.choices,
        initial=Role.USER,
        help_text=_("Users read everything and upload where it is allowed. Administrators may do everything."),
    )


class CreateForm(ProfileForm, NewPasswordForm):
    """A new user: name, profile and first password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[User.username_validator],
        help_text=_("Letters, digits and @ . + - _ only. It cannot be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ("username", "first_name", "last_name", "email", "role", "new_password", "again")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        # Names that differ only in case are one mistake waiting to happen.
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(_("This name is taken."))
        return name


class EditForm(ProfileForm):
    """A user there is."""

    active = forms.BooleanField(
        label=_("Active"),
        required=False,
        help_text=_(
            "Untick to shut this person out: sessions, password and user token stop working. Nothing is deleted."
        ),
    )


@administrator_required
@require_http_methods(["GET", "HEAD"])
def user_list(request: HttpRequest) -> HttpResponse:
    """List users; ``q`` filters by name or e-mail."""
    query = request.GET.get("q", "").replace("\0", "")[:150]
    found = User.objects.select_related("token").order_by("username")
    if query:
        found = found.filter(username__icontains=query) | found.filter(email__icontains=query)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/users.html", {"page": page, "query": query})


@administrator_required
@never_cache
@sensitive_post_parameters("new_password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def user_create(request: HttpRequest) -> HttpResponse:
    """Create a user."""
    form = CreateForm(User(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = users.create_user(
                username=data["username"],
                password=data["new_password"],
                role=data["role"],
                email=data["email"],
                first_name=data["first_name"],
                last_name=data["last_name"],
            )
        except IntegrityError:
            form.add_error("username", _("This name is taken."))
        else:
            messages.success(request, _("User created: %(name)s") % {"name": user.username})
            return HttpResponseRedirect(reverse("users"), status=303)
    return render(request, "accounts/user_create.html", {"form": form}, status=422 if form.errors else 200)


@administrator_required
@never_cache
@sensitive_post_parameters("new_password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def user_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a user; the button pressed (``action``) says which of the page's forms was sent."""
    person = get_object_or_404(User, pk=pk)
    action = request.POST.get("action", "")
    profile = EditForm(request.POST if action == "profile" else None, initial=_profile_of(person))
    password = NewPasswordForm(person, request.POST if action == "password" else None)
    done = None
    if action == "profile" and profile.is_valid():
        done = _save_profile(person, profile)
    elif action == "password" and password.is_valid():
        users.change_password(person, password.cleaned_data["new_password"])
        if request.user.pk == person.pk:
            update_session_auth_hash(request, person)
        done = _("The password is changed; all of this person’s sessions have ended.")
    elif action == "reset-token":
        tokens.reset(person)
        done = _("The user token is taken back; it no longer works anywhere.")
    if done:
        messages.success(request, done)
        return HttpResponseRedirect(reverse("user-edit", args=[pk]), status=303)
    context = {"person": person, "profile": profile, "password": password, "has_token": hasattr(person, "token")}
    refused = bool(profile.errors or password.errors)
    return render(request, "accounts/user_edit.html", context, status=422 if refused else 200)


def _profile_of(person: User) -> dict[str, Any]:
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "role": person.role,
        "active": person.is_active,
    }


def _save_profile(person: User, form: EditForm) -> Any:
    """Save the form whole or not at all; returns what to say, or None with an error in the form."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            users.update_profile(
                person, email=data["email"], first_name=data["first_name"], last_name=data["last_name"]
            )
            if data["role"] != person.role:
                users.set_role(person, data["role"])
            if data["active"] != person.is_active:
                (users.activate if data["active"] else users.deactivate)(person)
    except users.LastAdministrator as error:
        form.add_error("role" if data["active"] else "active", error.message)
        return None
    return _("The changes are saved.")
