"""How forms are drawn, and the field for an ordered choice (two lists, buttons between them)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

Choice = tuple[str, Any]


class ConsoleFormRenderer(TemplatesSetting):
    """Form templates come from `templates/forms/`."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


class PasswordInput(forms.PasswordInput):
    """A password box with a button that shows what was typed."""

    template_name = "forms/password.html"


class DualListWidget(forms.SelectMultiple):
    """Two lists, *available* and *chosen*; the chosen values travel in order in hidden inputs of the field's name.

    Without JavaScript the buttons are submit buttons named ``<name>-op``; the view sees them through ``operation`` below.
    """

    template_name = "forms/dual_list.html"
    use_fieldset = True
    allow_multiple_selected = True

    def __init__(
        self, attrs: dict[str, Any] | None = None, available_label: Any = None, chosen_label: Any = None
    ) -> None:
        super().__init__(attrs)
        self.available_label = available_label or _("Available")
        self.chosen_label = chosen_label or _("Chosen, first wins")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        labels = {str(key): label for key, label in self.choices}
        order = [str(key) for key in value or [] if str(key) in labels]
        context["widget"].update(
            available=[(key, label) for key, label in labels.items() if key not in order],
            chosen=[(key, labels[key]) for key in order],
            available_label=self.available_label,
            chosen_label=self.chosen_label,
            picked=getattr(self, "picked", frozenset()),
        )
        return context

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return ""


class OrderedChoiceField(forms.MultipleChoiceField):
    """Some of the choices in an order of the person's; ``cleaned_data`` is the list of values in that order."""

    widget = DualListWidget


def operation(data: QueryDict, name: str) -> str:
    """Return which button of the two lists was pressed without JavaScript ("" when the form was really submitted)."""
    return data.get(f"{name}-op", "")


def after_operation(data: QueryDict, name: str, choices: Iterable[Choice]) -> list[str]:
    """Return the field's new order after the pressed button; unknown values are dropped.

    ``data`` is the submitted form: ``name`` holds the order so far, ``name-available`` and ``name-chosen`` what is
    selected in either list.
    """
    known = [str(key) for key, _label in choices]
    order = [key for key in dict.fromkeys(data.getlist(name)) if key in known]
    return rearranged(
        order,
        known,
        operation(data, name),
        [key for key in data.getlist(f"{name}-available") if key in known],
        set(data.getlist(f"{name}-chosen")),
    )


def rearranged(
    order: Sequence[str], known: Sequence[str], op: str, adding: Sequence[str], picked: set[str]
) -> list[str]:
    """Apply ``op`` ("add", "add-all", "remove", "remove-all", "up", "down") to an order; others leave it as it is."""
    rest = [key for key in known if key not in order]
    moves: Mapping[str, list[str]] = {
        "add": [*order, *(key for key in rest if key in adding)],
        "add-all": [*order, *rest],
        "remove": [key for key in order if key not in picked],
        "remove-all": [],
        "up": _shifted(order, picked),
        "down": _shifted(order[::-1], picked)[::-1],
    }
    return moves.get(op, list(order))


def _shifted(order: Sequence[str], picked: set[str]) -> list[str]:
    """Move the picked ones one place towards the front, as a block; those already there stay."""
    result = list(order)
    for index in range(1, len(result)):
        if result[index] in picked and result[index - 1] not in picked:
            result[index - 1], result[index] = result[index], result[index - 1]
    return result
