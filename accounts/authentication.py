"""From an Authorization header to an identity, for the data plane.

Accepted: user name and password; name code and pass code; ``__token__`` with the pass code (or with
``<name code>:<pass code>``). What the password hash costs is paid once: a header that has been verified is remembered in
the process by a keyed digest, together with the fingerprint of the credential it was checked against. When anything has
been committed to the database since then (`toolbox/pulse.py`), the credential's row is read again (one query by
primary key), so a reset token, a changed password or a deactivated user is refused by the very next request in
every process; while nothing has, a remembered header costs no query.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.contrib.auth.hashers import check_password, make_password
from django.db import connection

from accounts.identity import ANONYMOUS, Identity
from accounts.models import Role, User, UserToken
from accounts.tokens import NAME_CODE_LENGTH, PASS_CODE_LENGTH, hash_pass_code
from repoman.toolbox import clock
from repoman.toolbox.pulse import Beat

MAX_HEADER = 8192
MAX_PASSWORD = 4096
_REMEMBERED = 10_000
_NOTE_EVERY = 60.0
# As text: asked by the next request after any write, and building it from models costs ten times what it costs.
_HOLDER = """
    SELECT account.id, account.username, account.role, account.is_active FROM accounts_usertoken token
    JOIN accounts_user account ON account.id = token.user_id WHERE token.id = %s AND token.pass_code_sha256 = %s
"""
_noted: dict[int, float] = {}
_process_key = secrets.token_bytes(32)


class CredentialsRefused(Exception):
    """The header holds credentials and they are not valid. The text may be shown."""


@dataclass(frozen=True, slots=True)
class _Verified:
    """Replaced as a whole: two threads that write parts of it would join an old role to a new pulse."""

    kind: str  # "password" or "token"
    key: int
    fingerprint: str
    identity: Identity
    as_of: Beat | None = None  # the pulse before the row was last read


class VerifiedHeaders:
    """Headers that have been verified, least recently used first out."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._entries: OrderedDict[bytes, _Verified] = OrderedDict()
        self._size = size
        self._lock = threading.Lock()

    def get(self, header: bytes) -> _Verified | None:
        key = self._key(header)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, header: bytes, entry: _Verified) -> None:
        with self._lock:
            self._entries[self._key(header)] = entry
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, header: bytes) -> None:
        with self._lock:
            self._entries.pop(self._key(header), None)

    @staticmethod
    def _key(header: bytes) -> bytes:
        return hashlib.blake2b(header, key=_process_key, digest_size=32).digest()


class GuessLimit:
    """Slows down guessing of passwords: after some misses an address waits. Tokens are never limited, so nobody can be
    locked out of a working token, and an address that signs in correctly is not held up by its remembered header."""

    def __init__(self, free: int = 20, window: float = 60.0, ticks: Callable[[], float] = time.monotonic) -> None:
        self._misses: OrderedDict[str, list[float]] = OrderedDict()
        self._free, self._window, self._ticks = free, window, ticks
        self._lock = threading.Lock()

    def begin(self, address: str) -> bool:
        """Count a guess before it is checked, so that guesses at the same time cannot pass the limit together.

        Returns False when the address has to wait.
        """
        with self._lock:
            recent = self._recent(address)
            if len(recent) >= self._free:
                return False
            self._misses[address] = [*recent, self._ticks()]
            self._misses.move_to_end(address)
            while len(self._misses) > _REMEMBERED:
                self._misses.popitem(last=False)
            return True

    def right(self, address: str) -> None:
        """Take one guess back: it was none."""
        with self._lock:
            if self._misses.get(address):
                self._misses[address].pop()

    def _recent(self, address: str) -> list[float]:
        since = self._ticks() - self._window
        return [moment for moment in self._misses.get(address, []) if moment > since]


_verified = VerifiedHeaders()
_guesses = GuessLimit()


def recall(header: bytes | None, as_of: Beat | None) -> Identity | None:
    """Who sent this Authorization header, where that is known without a query; None when `authenticate` must be asked.

    ``as_of`` is the database's pulse now.
    """
    if header is None:
        return ANONYMOUS
    entry = _verified.get(header) if len(header) <= MAX_HEADER else None
    if entry is None or entry.as_of is None or entry.as_of != as_of:
        return None
    return None if entry.kind == "token" and _note_is_due(entry.key) else entry.identity


def authenticate(header: bytes | None, address: str, as_of: Beat | None = None) -> Identity:
    """Return who sent this Authorization header, ANONYMOUS when there is none. Uses the database: run it in a thread.

    ``as_of`` is the database's pulse before this call: as long as it does not move, `recall` gives the same answer.
    Raises CredentialsRefused for wrong, malformed or no longer valid credentials, and for other schemes than Basic.
    """
    if not header:
        return ANONYMOUS
    if len(header) > MAX_HEADER:
        raise CredentialsRefused("The Authorization header is too long")
    remembered = _verified.get(header)
    if remembered is not None:
        identity = _still_valid(remembered)
        if identity is not None:
            _verified.put(header, replace(remembered, identity=identity, as_of=as_of))
            return identity
        _verified.drop(header)
    entry = replace(_verify(header, address), as_of=as_of)
    _verified.put(header, entry)
    return entry.identity


def parse_basic(header: bytes) -> tuple[str, str]:
    """User and password of a Basic header (RFC 7617, UTF-8). Raises CredentialsRefused."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() != b"basic":
        raise CredentialsRefused("Only Basic authentication is known here")
    try:
        user, separator, password = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise CredentialsRefused("The Authorization header is damaged") from None
    if not separator or "\x00" in user or len(password) > MAX_PASSWORD:
        raise CredentialsRefused("The Authorization header is damaged")
    return user, password


def _verify(header: bytes, address: str) -> _Verified:
    name, password = parse_basic(header)
    if name == "__token__" and len(password.partition(":")[0]) == NAME_CODE_LENGTH and ":" in password:
        name, _, password = password.partition(":")
    token = _matching_token(name, password)
    if token is not None:
        _note_use(token.pk)
        return _Verified("token", token.pk, token.pass_code_sha256, _identity(token.user))
    if name != "__token__":
        user = _matching_user(name, password, address)
        if user is not None:
            return _Verified("password", user.pk, _fingerprint(user.password), _identity(user))
    raise CredentialsRefused("These credentials are not valid; make or reset your user token in the console")


def _matching_token(name: str, pass_code: str) -> UserToken | None:
    digest = hash_pass_code(pass_code)
    query = UserToken.objects.select_related("user").filter(user__is_active=True)
    # With ``__token__`` there is no name code: the digest of 264 random bits identifies the token by itself.
    query = query.filter(pass_code_sha256=digest) if name == "__token__" else query.filter(name_code=name)
    token = query.first()
    if token is None or not hmac.compare_digest(token.pass_code_sha256, digest):
        return None
    return token


def _matching_user(name: str, password: str, address: str) -> User | None:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None and len(name) == NAME_CODE_LENGTH and len(password) == PASS_CODE_LENGTH:
        return None  # a token that was reset: no guess, and not worth a password hash for each request of a CI job
    if not _guesses.begin(address):
        raise CredentialsRefused("Too many wrong passwords from this address; wait a minute or use a user token")
    # The same work for an unknown name, so that time does not tell which names exist.
    if user is None:
        make_password(password)
    elif user.has_usable_password() and check_password(password, user.password):
        _guesses.right(address)
        return user
    return None


def _still_valid(entry: _Verified) -> Identity | None:
    if entry.kind == "token":
        with connection.cursor() as cursor:
            cursor.execute(_HOLDER, [entry.key, entry.fingerprint])
            row = cursor.fetchone()
        if row is None or not row[3]:
            return None
        _note_use(entry.key)
        return _from_row(*row[:3])
    user = User.objects.filter(pk=entry.key, is_active=True).values_list("pk", "username", "role", "password").first()
    if user is None or not hmac.compare_digest(_fingerprint(user[3]), entry.fingerprint):
        return None
    return _from_row(*user[:3])


def _note_use(token: int) -> None:
    """Write down that a token was used, at most once a minute and process."""
    if _note_is_due(token):
        _noted[token] = time.monotonic()
        UserToken.objects.filter(pk=token).update(last_used_at=clock.now())


def _note_is_due(token: int) -> bool:
    return time.monotonic() - _noted.get(token, float("-inf")) >= _NOTE_EVERY


def _fingerprint(password_hash: str) -> str:
    return hashlib.blake2b(password_hash.encode(), key=_process_key, digest_size=16).hexdigest()


def _identity(user: User) -> Identity:
    return _from_row(user.pk, user.username, user.role)


def _from_row(pk: int, username: str, role: str) -> Identity:
    return Identity(user_id=pk, username=username, administrator=role == Role.ADMINISTRATOR)
