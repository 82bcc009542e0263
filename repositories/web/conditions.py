"""In what condition a repository is, in words for people: online, offline, or its remote is not to be had."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from repositories.models import Repository, UpstreamHealth
from repositories.recipe import recipes

Tone = Literal["ok", "warn", "bad", "off"]


@dataclass(frozen=True, slots=True)
class Condition:
    """``tone`` chooses colour and icon, ``word`` is the same said in text, ``detail`` says why and until when."""

    tone: Tone
    word: str
    detail: str = ""


def condition(repository: Repository, now: datetime) -> Condition:
    """The condition of ``repository``; reads its health, so select it along."""
    if not repository.online:
        return Condition("off", _("Offline"), _("Clients get an error until it is online again."))
    recipe = recipes().get(repository.recipe)
    if recipe is None:
        return Condition("bad", _("Type missing"), _("The plugin for its type is not installed."))
    if recipe.type != "proxy":
        return Condition("ok", _("Online"))
    if repository.options.get("blocked"):
        return Condition("warn", _("Remote blocked"), _("Blocked by hand; what is cached still installs."))
    health = _health(repository)
    if health is None:
        return Condition("ok", _("Online"))
    if health.blocked_until is not None and health.blocked_until > now:
        until = _clock(health.blocked_until, now)
        detail = _("Until %(time)s. %(reason)s") % {"time": until, "reason": health.reason}
        return Condition("warn", _("Remote blocked"), detail.strip())
    if health.status in ("unavailable", "auto-blocked"):
        return Condition("warn", _("Remote unavailable"), health.reason)
    return Condition("ok", _("Online"))


def _health(repository: Repository) -> UpstreamHealth | None:
    try:
        return repository.upstream_health
    except UpstreamHealth.DoesNotExist:
        return None


def _clock(time: datetime, now: datetime) -> Any:
    """The hour alone on the same day, else with the date."""
    local, today = timezone.localtime(time), timezone.localtime(now)
    shape = "H:i" if local.date() == today.date() else "Y-m-d H:i"
    return formats.date_format(local, shape)
