"""The master secret: from the environment, or made once and kept beside the data with mode 600."""

import os
import secrets
from pathlib import Path

from repoman.configuration import Configuration, ConfigurationError

MINIMUM_LENGTH = 32


def master_secret(configuration: Configuration) -> str:
    """Return the secret, making `<data>/secret.key` when there is none.

    Raises ConfigurationError when it is too short to be a secret, cannot be read or written, or is lost: a new one
    would silently make every sealed value of an existing database unreadable.
    """
    secret = configuration.secret_key
    path = configuration.data_dir / "secret.key"
    if not secret:
        secret = _kept(path, has_data=(configuration.data_dir / "repoman.sqlite3").exists())
    if len(secret) < MINIMUM_LENGTH:
        raise ConfigurationError(
            f"The secret key has {len(secret)} characters; REPOMAN_SECRET_KEY (or {path.name} in the data folder) "
            f"needs {MINIMUM_LENGTH} or more"
        )
    return secret


def _kept(path: Path, *, has_data: bool) -> str:
    try:
        secret = _read(path)
        if secret:
            return secret
        if has_data:
            raise ConfigurationError(
                f"{path.name} is missing beside an existing database; restore it from the backup, or set "
                "REPOMAN_SECRET_KEY to a new one (everyone signs in again; stored upstream passwords are lost)"
            )
        return _make(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be used: {error.strerror}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _make(path: Path) -> str:
    """Write a new secret; of two processes that start at once the first one's file wins for both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    return _read(path)
