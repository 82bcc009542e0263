"""Keys and sealed values: what must not be readable by whoever holds a copy of the database alone.

The master secret is ``SECRET_KEY`` (environment or a 0600 file in the data folder, never the database).
Sealed values are Fernet tokens under a key derived from it, one per purpose.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class SecretUnreadable(Exception):
    """A sealed value cannot be opened: the master secret has changed since it was sealed."""


def seal(text: str, *, purpose: str) -> str:
    """Encrypt ``text``; the result is ASCII and safe in a JSON or text column."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def unseal(token: str, *, purpose: str) -> str:
    """Decrypt what ``seal`` made.

    Raises SecretUnreadable when the token is damaged or was sealed under another master secret.
    """
    try:
        return _fernet(purpose).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable(purpose) from error


def _fernet(purpose: str) -> Fernet:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"repoman:{purpose}".encode(), hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
