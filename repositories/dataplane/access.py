"""Who asks, and may they: the one place where the data plane decides access. Default is no."""

from django.conf import settings

from accounts.authentication import CredentialsRefused, authenticate, recall
from accounts.identity import Identity
from accounts.permissions import Action, Target, may
from repoman.toolbox import threads
from repoman.toolbox.pulse import Beat
from repositories.dataplane.request import Headers, Request
from repositories.domain.errors import AuthenticationRequired, Forbidden


async def identify(request: Request, as_of: Beat | None) -> Identity:
    """Who sent the request; ``as_of`` is the database's pulse now.

    Raises AuthenticationRequired for wrong credentials, also where nobody needed to show any: the client means somebody.
    """
    header = request.headers.get(b"authorization")
    known = recall(header, as_of)
    if known is not None:
        return known
    try:
        return await threads.database(authenticate, header, request.address, as_of)
    except CredentialsRefused as error:
        raise AuthenticationRequired(str(error)) from error


def refuse_strangers(identity: Identity) -> None:
    """Before a repository is even looked up, so that strangers cannot tell which names exist."""
    if identity.anonymous and not settings.REPOMAN.anonymous_read:
        raise AuthenticationRequired("Sign in with a user token (name code and pass code) to use this repository")


def require(identity: Identity, action: Action, target: Target) -> None:
    """Raises AuthenticationRequired or Forbidden."""
    if may(identity, action, target, anonymous_read=settings.REPOMAN.anonymous_read):
        return
    if identity.anonymous:
        raise AuthenticationRequired(f"Sign in with a user token to do this in {target.name}")
    verb = "upload to" if action is Action.ADD else "read"
    raise Forbidden(f"{identity.username} may not {verb} {target.name}")


def readable_by_anyone() -> bool:
    return bool(settings.REPOMAN.anonymous_read)


def audience() -> str:
    """Whose caches may keep an answer: the first word of Cache-Control."""
    return "public" if readable_by_anyone() else "private"


def cross_origin() -> Headers:
    """Readable from pages of other origins (micropip, JupyterLite) only where everybody may read anyway."""
    return [(b"access-control-allow-origin", b"*")] if readable_by_anyone() else []
