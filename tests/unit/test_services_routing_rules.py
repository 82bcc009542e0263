"""Creating, changing and deleting routing rules."""

from typing import Any

import pytest

from blobstores.models import BlobStore
from repositories.models import Configuration, Repository, RoutingRule
from repositories.services.errors import ServiceErrors
from repositories.services.routing_rules import create_routing_rule, delete_routing_rule, update_routing_rule

pytestmark = pytest.mark.django_db


def errors(**given: Any) -> list[str]:
    with pytest.raises(ServiceErrors) as caught:
        create_routing_rule(**{"name": "r", "mode": "block", "patterns": ["a"], **given})
    return list(caught.value.errors)


def test_patterns_are_kept_as_they_are_matched() -> None:
    rule = create_routing_rule(name=" ours ", mode="block", patterns=["Acme_*", "acme.*", "", " six "], description="d")
    assert (rule.name, rule.mode, rule.patterns, rule.description) == ("ours", "block", ["acme-*", "six"], "d")
    assert Configuration.objects.get(pk=1).generation == 1


def test_what_cannot_be_a_rule_is_named_by_field() -> None:
    assert errors(name="") == ["name"]
    assert errors(name="a\u202eb") == ["name"]
    assert errors(mode="maybe") == ["mode"]
    assert errors(patterns=[]) == ["patterns"]
    assert errors(patterns=["(a+)+$"]) == ["patterns"]
    assert errors(patterns=["<script>"]) == ["patterns"]
    assert errors(patterns=["a" * 129]) == ["patterns"]
    assert errors(patterns=[f"p{n}" for n in range(501)]) == ["patterns"]
    assert errors(description="x" * 501) == ["description"]


def test_a_rule_can_keep_its_name_and_cannot_take_another_ones() -> None:
    rule = create_routing_rule(name="one", mode="block", patterns=["a"])
    create_routing_rule(name="two", mode="allow", patterns=["b"])
    assert update_routing_rule(rule, name="one", mode="allow", patterns=["c"]).patterns == ["c"]
    with pytest.raises(ServiceErrors):
        update_routing_rule(rule, name="two", mode="allow", patterns=["c"])


def test_a_rule_in_use_is_not_deleted() -> None:
    rule = create_routing_rule(name="one", mode="block", patterns=["a"])
    store, _ = BlobStore.objects.get_or_create(name="default")
    repository = Repository.objects.create(name="p", recipe="pypi-proxy", blob_store=store, routing_rule=rule)
    with pytest.raises(ServiceErrors) as caught:
        delete_routing_rule(rule)
    assert "p" in str(caught.value.errors["repositories"])
    repository.delete()
    delete_routing_rule(rule)
    assert not RoutingRule.objects.exists()
