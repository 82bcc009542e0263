"""The form of a repository, made from its recipe's declaration.

The form only carries what was typed; what is allowed is decided by `services/repositories.py`, whose messages are put
at the fields. So nothing is checked twice and the REST interface and the console say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from blobstores.models import BlobStore
from repoman.forms import Choice, DualListWidget, OrderedChoiceField, PasswordInput, after_operation, operation
from repositories.models import Repository, RoutingRule
from repositories.recipe import Option, Recipe, recipes
from repositories.services.errors import ServiceErrors
from repositories.services.members import member_names, would_circle

SECTION_TITLES: Mapping[str, Any] = {
    "configuration": _("Configuration"),
    "connection": _("Connection"),
    "caching": _("Caching"),
    "hosted": _("Uploads"),
    "group": _("Group"),
    "routing": _("Routing rule"),
}
CLEAR = "-clear"
IN_SUMMARY = 3


@dataclass(frozen=True, slots=True)
class Section:
    """A folded part of the form. ``values`` are labels with what is set, ``open`` when an error is inside."""

    title: Any
    fields: Sequence[forms.BoundField]
    values: Sequence[tuple[str, str]]
    open: bool

    @property
    def summary(self) -> str:
        """The first of the values, for the line that is seen while the section is folded."""
        if len(self.values) == 1:
            return self.values[0][1]
        shown = [f"{label}: {value}" for label, value in self.values[:IN_SUMMARY]]
        return " · ".join(shown) + (" …" if len(self.values) > IN_SUMMARY else "")


class _Typed(forms.CharField):
    """What was typed, as it is; ``required`` only says so on the page, the service checks."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hide_optional = True

    def validate(self, value: Any) -> None:
        return None


class _MembersWidget(DualListWidget):
    """The two lists; ``picked`` stay selected when the page is drawn again."""

    picked: frozenset[str] = frozenset()


class _Members(OrderedChoiceField):
    """The ordered members; the service says what cannot be one."""

    def validate(self, value: Any) -> None:
        return None


class RepositoryForm(forms.Form):
    """Fields of one recipe; with ``repository`` those that can still be changed."""

    use_required_attribute = False

    def __init__(
        self, recipe: Recipe, repository: Repository | None = None, *, suggestion: str = "", data: Any = None
    ) -> None:
        super().__init__(data)
        self.recipe = recipe
        self.repository = repository
        first = [option for option in recipe.options if option.first_use]
        if repository is None:
            self.fields["name"] = _name_field(suggestion)
        self._add(first)
        if repository is None:
            self.fields["blob_store"] = _blob_store_field()
        self.fields["online"] = forms.BooleanField(
            required=False,
            initial=repository.online if repository else True,
            label=_("Online"),
            help_text=_("Clients can connect. Untick to take the repository out of service without deleting anything."),
        )
        self.first_names = list(self.fields)
        if recipe.has_members:
            self.fields["members"] = _members_field(recipe, repository)
        self._add(option for option in recipe.options if not option.first_use)
        self.fields["routing_rule"] = _routing_rule_field(repository)

    def _add(self, options: Iterable[Option]) -> None:
        stored = self.repository.options if self.repository else {}
        for option in options:
            self.fields[option.key] = _option_field(option, stored)
            if option.kind == "secret" and stored.get(option.key):
                self.fields[option.key + CLEAR] = forms.BooleanField(
                    required=False, label=_("Remove the stored password")
                )

    @property
    def remote_field(self) -> str:
        """The field beside which a remote can be tested; "" when there is none."""
        urls = [option.key for option in self.recipe.options if option.kind == "url" and option.first_use]
        return urls[0] if urls and self.recipe.type == "proxy" else ""

    def first_fields(self) -> list[forms.BoundField]:
        """What a first use needs."""
        return [self[name] for name in self.first_names]

    def sections(self) -> list[Section]:
        """The rest, by section, in the order of the declaration."""
        grouped: dict[str, list[forms.BoundField]] = {}
        for option in self.recipe.options:
            if not option.first_use:
                bound = grouped.setdefault(option.section, [])
                bound.append(self[option.key])
                if option.key + CLEAR in self.fields:
                    bound.append(self[option.key + CLEAR])
        grouped.setdefault("routing", []).append(self["routing_rule"])
        return [
            Section(
                title=SECTION_TITLES.get(key, capfirst(key.replace("_", " "))),
                fields=bound,
                values=[(str(field.label), self._shown(field)) for field in bound if not field.name.endswith(CLEAR)],
                open=any(field.errors for field in bound),
            )
            for key, bound in grouped.items()
        ]

    def arrange(self, data: QueryDict) -> bool:
        """Do what a button of the members' lists says, when one was pressed without JavaScript."""
        members = self.fields.get("members")
        widget = members.widget if members else None
        if (
            not isinstance(members, _Members)
            or not isinstance(widget, _MembersWidget)
            or not operation(data, "members")
        ):
            return False
        choices = [(str(key), label) for key, label in _flat(members.choices)]
        changed = data.copy()
        changed.setlist("members", after_operation(data, "members", choices))
        self.data = changed
        widget.picked = frozenset({*data.getlist("members-available"), *data.getlist("members-chosen")})
        return True

    def values(self) -> dict[str, Any]:
        """Arguments for the service, options apart from the rest under "options"."""
        cleaned = self.cleaned_data
        options = {}
        for option in self.recipe.options:
            value = cleaned.get(option.key)
            if option.kind == "secret" and cleaned.get(option.key + CLEAR) and not value:
                value = None
            elif option.kind == "secret":
                value = value or ""
            options[option.key] = value
        rest = {name: cleaned.get(name) for name in ("name", "blob_store") if name in self.fields}
        return {
            **{name: value or "" for name, value in rest.items()},
            "options": options,
            "members": cleaned.get("members") or [],
            "routing_rule": cleaned.get("routing_rule") or None,
            "online": bool(cleaned.get("online")),
        }

    def take(self, errors: ServiceErrors) -> None:
        """Put the service's messages at their fields; what has no field goes to the top."""
        for name, message in errors.errors.items():
            self.add_error(name if name in self.fields else None, message)

    def _shown(self, bound: forms.BoundField) -> str:
        """A field's value in words."""
        field, value = bound.field, bound.value()
        if isinstance(field, forms.BooleanField):
            return str(_("yes") if value else _("no"))
        if isinstance(field.widget, forms.PasswordInput):
            stored = self.repository is not None and self.repository.options.get(bound.name)
            return str(_("stored") if stored else _("none"))
        if isinstance(field.widget, forms.Select):
            return str(dict(_flat(field.widget.choices)).get(str(value or ""), value))
        return str(value) if value not in (None, "") else "–"


def _flat(choices: Any) -> list[tuple[str, Any]]:
    return [(str(key), label) for key, label in choices]


def _members_field(recipe: Recipe, repository: Repository | None) -> forms.Field:
    widget = _MembersWidget(chosen_label=_("Members, first match wins"))
    return _Members(
        choices=_pickable(recipe, repository),
        initial=member_names(repository) if repository else [],
        label=_("Member repositories"),
        help_text=_(
            "Keys: Enter or → adds, Delete or ← removes, Alt+↑ and Alt+↓ change the order. Double-click works too."
        ),
        widget=widget,
    )


def _pickable(recipe: Recipe, repository: Repository | None) -> list[Choice]:
    """Repositories of the same format that would make no circle, by name."""
    never = would_circle(repository) if repository else set()
    found = []
    for name, key in Repository.objects.values_list("name", "recipe"):
        other = recipes().get(key)
        if other is not None and other.format == recipe.format and name not in never:
            found.append((name, f"{name} — {other.type}"))
    return sorted(found, key=lambda choice: choice[0].lower())


def _name_field(suggestion: str) -> forms.Field:
    return _Typed(
        initial=suggestion,
        label=_("Name"),
        help_text=_(
            "Letters, digits, “-”, “_” and “.”. It becomes part of every client’s address and cannot be changed later."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "aria-required": "true"}),
    )


def _blob_store_field() -> forms.Field:
    names = list(BlobStore.objects.order_by("name").values_list("name", flat=True))
    return _Typed(
        initial="default" if "default" in names else (names[0] if names else ""),
        label=_("Blob store"),
        help_text=_("Where the bytes are kept. Cannot be changed later."),
        widget=forms.Select(choices=[(name, name) for name in names]),
    )


def _routing_rule_field(repository: Repository | None) -> forms.Field:
    rule = repository.routing_rule if repository else None
    choices = [("", _("None")), *((name, name) for name in RoutingRule.objects.values_list("name", flat=True))]
    return _Typed(
        required=False,
        widget=forms.Select(choices=choices),
        initial=rule.name if rule else "",
        label=_("Routing rule"),
        help_text=_("Which projects may be asked for here at all."),
    )


def _option_field(option: Option, stored: Mapping[str, Any]) -> forms.Field:
    initial = stored.get(option.key, option.default)
    texts = {"label": option.label, "help_text": option.help}
    quiet = {"autocomplete": "off", "spellcheck": "false", **({"aria-required": "true"} if option.required else {})}
    if option.kind == "boolean":
        return forms.BooleanField(required=False, initial=bool(initial), **texts)
    if option.kind == "choice":
        return _Typed(initial=initial, widget=forms.Select(choices=list(option.choices)), **texts)
    if option.kind == "secret":
        # The stored secret is never in a page: an empty field keeps it.
        return forms.CharField(
            required=False, strip=False, widget=PasswordInput(attrs={"autocomplete": "new-password"}), **texts
        )
    kind = {"integer": {"inputmode": "numeric", "class": "short"}, "url": {"inputmode": "url"}}.get(option.kind, {})
    field = _Typed(required=option.required, initial=initial, widget=forms.TextInput(attrs={**quiet, **kind}), **texts)
    field.hide_optional = option.required or option.kind == "integer"
    return field
