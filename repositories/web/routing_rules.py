"""Routing rules: list, create, change, delete, and a box to try a project's name."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.web.access import administrator_required
from repoman.toolbox import clock
from repositories.domain.filtering import Context, Refuse
from repositories.domain.names import is_project_name, normalize
from repositories.filters.routing_rule import RoutingRule as LiveRule
from repositories.models import RoutingRule
from repositories.services.errors import ServiceErrors
from repositories.services.routing_rules import create_routing_rule, delete_routing_rule, update_routing_rule
from repositories.web.requested import is_htmx


class RoutingRuleForm(forms.Form):
    """What was typed; the service checks it."""

    use_required_attribute = False

    name = forms.CharField(required=False, label=gettext_lazy("Name"))
    description = forms.CharField(required=False, label=gettext_lazy("Description"))
    mode = forms.CharField(
        required=False,
        label=gettext_lazy("Mode"),
        initial="block",
        widget=forms.Select(
            choices=[
                ("block", gettext_lazy("Block – projects that match are refused")),
                ("allow", gettext_lazy("Allow – only projects that match pass")),
            ]
        ),
    )
    patterns = forms.CharField(
        required=False,
        label=gettext_lazy("Patterns"),
        help_text=gettext_lazy(
            "One per line, on the project’s name: * stands for any letters, ? for one. Example: acme-*"
        ),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "mode", "patterns"):
            self.fields[name].hide_optional = True  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        return {**cleaned, "patterns": cleaned["patterns"].splitlines()}

    def take(self, errors: ServiceErrors) -> None:
        for name, message in errors.errors.items():
            self.add_error(name if name in self.fields else None, message)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule says about a name that was typed in."""

    project: str
    passes: bool = False
    error: str = ""


@administrator_required
@require_http_methods(["GET", "HEAD"])
def routing_rules(request: HttpRequest) -> HttpResponse:
    """All rules, and who uses them."""
    rules = RoutingRule.objects.prefetch_related("repositories")
    return render(request, "repositories/routing_rules.html", {"rules": rules})


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def routing_rule_create(request: HttpRequest) -> HttpResponse:
    return _edit(request, None, RoutingRuleForm(_posted(request)))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def routing_rule_edit(request: HttpRequest, key: int) -> HttpResponse:
    rule = get_object_or_404(RoutingRule, pk=key)
    initial = {
        "name": rule.name,
        "description": rule.description,
        "mode": rule.mode,
        "patterns": "\n".join(rule.patterns),
    }
    return _edit(request, rule, RoutingRuleForm(_posted(request), initial=initial))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def routing_rule_delete(request: HttpRequest, key: int) -> HttpResponse:
    rule = get_object_or_404(RoutingRule, pk=key)
    users = list(rule.repositories.order_by("name"))
    status = 200
    if request.method == "POST":
        try:
            delete_routing_rule(rule)
        except ServiceErrors:
            status = 422
        else:
            messages.success(request, _("Routing rule deleted: %(name)s") % {"name": rule.name})
            return redirect("routing-rules")
    return render(request, "repositories/routing_rule_delete.html", {"rule": rule, "users": users}, status=status)


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _edit(request: HttpRequest, rule: RoutingRule | None, form: RoutingRuleForm) -> HttpResponse:
    status, trial = 200, None
    if request.method == "POST" and form.is_valid():
        if request.POST.get("op") == "try":
            trial = _trial(form, request.POST.get("project", ""))
            if is_htmx(request):
                return render(request, "repositories/_rule_trial.html", {"trial": trial})
        else:
            try:
                saved = update_routing_rule(rule, **form.values()) if rule else create_routing_rule(**form.values())
            except ServiceErrors as errors:
                form.take(errors)
                status = 422
            else:
                messages.success(request, _("Routing rule saved: %(name)s") % {"name": saved.name})
                return redirect("routing-rules")
    context = {"form": form, "rule": rule, "trial": trial, "tried": request.POST.get("project", "")}
    return render(request, "repositories/routing_rule.html", context, status=status)


def _trial(form: RoutingRuleForm, typed: str) -> Trial:
    """Ask the filter itself, with what is in the form now, saved or not."""
    typed = typed.strip()
    if not is_project_name(typed):
        return Trial(typed[:80], error=_("Type a project’s name, for example six."))
    values = form.values()
    patterns = tuple(pattern.strip() for pattern in values["patterns"] if pattern.strip())
    live = LiveRule(values["name"] or "–", values["mode"], patterns)
    verdict = live.judge_project(normalize(typed), Context(repository="–", now=clock.now()))
    return Trial(typed, passes=not isinstance(verdict, Refuse))
