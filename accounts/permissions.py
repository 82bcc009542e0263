"""What an identity may do: one function answers every question of both planes. Default is no."""

from dataclasses import dataclass
from enum import Enum

from accounts.identity import Identity


class Action(Enum):
    """What can be done to a target."""

    BROWSE = "browse"
    READ = "read"
    ADD = "add"
    ADMINISTER = "administer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What it would be done to.

    ``kind`` is "repository" or "system" (administration of everything). ``users_may_add`` is the repository's own
    setting on who may deploy.
    """

    kind: str
    name: str = ""
    users_may_add: bool = False


SYSTEM = Target(kind="system")


def may(identity: Identity, action: Action, target: Target, *, anonymous_read: bool = False) -> bool:
    """Whether ``identity`` may do ``action`` to ``target``; ``anonymous_read`` is the server's switch."""
    if identity.administrator:
        return True
    if target.kind != "repository":
        return False
    if action in (Action.BROWSE, Action.READ):
        return anonymous_read or not identity.anonymous
    if action is Action.ADD:
        return target.users_may_add and not identity.anonymous
    return False
