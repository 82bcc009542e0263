"""The two codes of a user token: how they are made and hashed.

Their shape is Nexus': 8 and 44 characters that need no escaping in a URL, a netrc file or on a command line, and
never a "-" in front, which a command would take for an option.
"""

import hashlib
import secrets
import string

ALPHABET = string.ascii_letters + string.digits + "_-"
FIRST = ALPHABET.replace("-", "")
NAME_CODE_LENGTH = 8
PASS_CODE_LENGTH = 44


def make_name_code() -> str:
    """Return a new name code, 8 characters."""
    return _code(NAME_CODE_LENGTH)


def make_pass_code() -> str:
    """Return a new pass code, 44 characters, more than 263 random bits."""
    return _code(PASS_CODE_LENGTH)


def _code(length: int) -> str:
    return secrets.choice(FIRST) + "".join(secrets.choice(ALPHABET) for _ in range(length - 1))


def hash_pass_code(pass_code: str) -> str:
    """Return the sha256 of a pass code in hexadecimal; a slow hash would protect nothing against so many random bits."""
    return hashlib.sha256(pass_code.encode()).hexdigest()
