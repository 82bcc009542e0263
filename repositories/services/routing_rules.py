"""Routing rules: creating, changing and deleting them; one transaction each."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from repositories.domain.names import normalize
from repositories.models import RoutingRule
from repositories.services.configuration import configuration_changed
from repositories.services.errors import ServiceErrors

MAX_PATTERNS = 500
MAX_PATTERN = 128

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# What a normalized project name can have, and the wildcards of fnmatch.
_PATTERN = re.compile(r"[a-z0-9*?\[\]!-]+\Z", re.ASCII)


def create_routing_rule(*, name: str, mode: str, patterns: Sequence[str], description: str = "") -> RoutingRule:
    """Make a rule. Raises ServiceErrors by field."""
    with transaction.atomic():
        configuration_changed()
        return _write(RoutingRule(), name=name, mode=mode, patterns=patterns, description=description)


def update_routing_rule(
    rule: RoutingRule, *, name: str, mode: str, patterns: Sequence[str], description: str = ""
) -> RoutingRule:
    """Change a rule for every repository that uses it. Raises ServiceErrors by field."""
    with transaction.atomic():
        configuration_changed()
        return _write(rule, name=name, mode=mode, patterns=patterns, description=description)


def delete_routing_rule(rule: RoutingRule) -> None:
    """Raises ServiceErrors under "repositories" while a repository uses the rule."""
    with transaction.atomic():
        configuration_changed()
        users = ", ".join(rule.repositories.order_by("name").values_list("name", flat=True))
        if users:
            message = _("It is used by: %(repositories)s. Give these another rule first.") % {"repositories": users}
            raise ServiceErrors({"repositories": message})
        rule.delete()


def _write(rule: RoutingRule, *, name: str, mode: str, patterns: Sequence[str], description: str) -> RoutingRule:
    errors: dict[str, Any] = {}
    name = name.strip()
    if not name or len(name) > 128 or _UNSEEN.search(name):
        errors["name"] = _("Give it a name of at most 128 characters.")
    elif RoutingRule.objects.filter(name=name).exclude(pk=rule.pk).exists():
        errors["name"] = _("A routing rule with this name exists already.")
    if mode not in RoutingRule.Mode.values:
        errors["mode"] = _("Choose block or allow.")
    if len(description) > 500 or _UNSEEN.search(description):
        errors["description"] = _("Write one line of at most 500 characters.")
    checked = _patterns(patterns, errors)
    if errors:
        raise ServiceErrors(errors)
    rule.name, rule.mode, rule.patterns, rule.description = name, mode, checked, description.strip()
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise ServiceErrors({"name": _("A routing rule with this name exists already.")}) from None
    return rule


def _patterns(patterns: Sequence[str], errors: dict[str, Any]) -> list[str]:
    checked: list[str] = list(dict.fromkeys(normalize(pattern.strip()) for pattern in patterns if pattern.strip()))
    wrong = [pattern for pattern in checked if len(pattern) > MAX_PATTERN or not _PATTERN.match(pattern)]
    if not checked:
        errors["patterns"] = _("Write at least one pattern, for example acme-*.")
    elif len(checked) > MAX_PATTERNS:
        errors["patterns"] = _("A rule has at most %(limit)s patterns.") % {"limit": MAX_PATTERNS}
    elif wrong:
        errors["patterns"] = _(
            "“%(pattern)s” cannot match a project: use letters, digits, “-”, and the wildcards * and ?."
        ) % {"pattern": _UNSEEN.sub("?", wrong[0])[:80]}
    return checked
