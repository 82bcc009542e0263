"""Options of a repository, checked against what its recipe declares."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from repoman.toolbox.secrets import seal
from repositories.recipe import SECRET_PURPOSE, Option, OptionErrors, OptionValue, Recipe

MAX_TEXT = 2000

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?\Z|[0-9a-f:.]+\Z", re.IGNORECASE | re.ASCII)

Message = str | Promise


class _Wrong(Exception):
    """A single value cannot be; the argument is the message."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message


def checked_options(
    recipe: Recipe, given: Mapping[str, Any], *, stored: Mapping[str, Any] | None = None
) -> dict[str, OptionValue]:
    """Return all options of ``recipe`` as they are to be stored, secrets sealed.

    ``given`` may leave options out: then the stored value stays, or the default on creation. An empty secret keeps
    the stored one, None removes it.
    Raises OptionErrors: unknown keys, wrong types, out of range, and what the recipe's own check says.
    """
    before = stored or {}
    errors: dict[str, Message] = {key: _("There is no such option.") for key in given if not _declared(recipe, key)}
    options: dict[str, OptionValue] = {}
    for option in recipe.options:
        try:
            options[option.key] = _value(option, given, before)
        except _Wrong as wrong:
            errors[option.key] = wrong.message
    if not errors:
        errors.update(_secrets_that_would_travel(recipe, given, before, options))
    if not errors:
        errors.update(recipe.check(options))
    if errors:
        raise OptionErrors(errors)
    return options


def _declared(recipe: Recipe, key: str) -> bool:
    return any(option.key == key for option in recipe.options)


def _value(option: Option, given: Mapping[str, Any], before: Mapping[str, Any]) -> OptionValue:
    if option.kind == "secret":
        return _secret(option, given.get(option.key, ""), before.get(option.key) or "")
    if option.key not in given:
        value: OptionValue = before.get(option.key, option.default)
    else:
        raw = given[option.key]
        value = raw.strip() if isinstance(raw, str) else raw
    if value is None or value == "":
        if option.required:
            raise _Wrong(_("This field is required."))
        # An emptied number goes back to its default; an emptied text is meant to be empty.
        return option.default if option.kind in ("integer", "boolean", "choice") else ""
    return _CHECKS[option.kind](option, value)


def _secret(option: Option, value: Any, before: str) -> OptionValue:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(_("Write text."))
    if value == "":
        if option.required and not before:
            raise _Wrong(_("This field is required."))
        return before
    _plain(value)
    return seal(value, purpose=SECRET_PURPOSE)


def _secrets_that_would_travel(
    recipe: Recipe, given: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Message]:
    """A kept secret must not go to another host than it was given for: who changes the address types it again."""
    moved = any(
        option.kind == "url" and before.get(option.key) and _origin(before[option.key]) != _origin(after[option.key])
        for option in recipe.options
    )
    return {
        option.key: _("The address leads to another server now. Type the password again, or remove it.")
        for option in recipe.options
        if moved and option.kind == "secret" and before.get(option.key) and given.get(option.key, "") == ""
    }


def _origin(url: Any) -> tuple[str, str | None, int | None]:
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(_("Write text."))
    if len(value) > MAX_TEXT:
        raise _Wrong(_("This is too long."))
    if _UNSEEN.search(value):
        raise _Wrong(_("Control characters and line breaks are not allowed."))
    return value


def _text(option: Option, value: Any) -> OptionValue:
    return _plain(value)


def _url(option: Option, value: Any) -> OptionValue:
    text = _plain(value)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or port == 0 or not _HOST.match(host):
        raise _Wrong(_("Write an address that begins with https:// or http:// and has a host name."))
    if "@" in parts.netloc:
        raise _Wrong(_("Leave user name and password out of the address; there are fields of their own for them."))
    if parts.query or parts.fragment or "?" in text or "#" in text or re.search(r"[\s\\\"<>]", text):
        raise _Wrong(_("Leave everything from “?” or “#” on out of the address, and spaces and quotes."))
    return text


def _integer(option: Option, value: Any) -> OptionValue:
    if isinstance(value, str) and re.match(r"-?[0-9]{1,9}\Z", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(_("Write a whole number."))
    if option.minimum is not None and value < option.minimum:
        raise _Wrong(_("The smallest value is %(limit)s.") % {"limit": option.minimum})
    if option.maximum is not None and value > option.maximum:
        raise _Wrong(_("The largest value is %(limit)s.") % {"limit": option.maximum})
    return value


def _boolean(option: Option, value: Any) -> OptionValue:
    if not isinstance(value, bool):
        raise _Wrong(_("Say yes or no (true or false)."))
    return value


def _choice(option: Option, value: Any) -> OptionValue:
    keys = [key for key, _label in option.choices]
    if value not in keys:
        raise _Wrong(_("Choose one of: %(choices)s.") % {"choices": ", ".join(keys)})
    return str(value)


_CHECKS: Mapping[str, Callable[[Option, Any], OptionValue]] = {
    "text": _text,
    "url": _url,
    "integer": _integer,
    "boolean": _boolean,
    "choice": _choice,
}
