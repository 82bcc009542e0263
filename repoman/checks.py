"""System checks: mistakes of configuration that do not keep the server from starting, each with what to do.

What keeps it from starting is a ConfigurationError (`configuration.py`) or a CannotStart (`serve/preflight.py`).
"""

import stat
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from blobstores import stores
from repositories.recipe import recipes


@register("repoman")
def check_plugins(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every plugin of this installation can be loaded."""
    found: list[CheckMessage] = []
    for what, load in (("blob store kinds", stores.kinds), ("repository types", recipes)):
        try:
            if not load():
                found.append(Error(f"There are no {what}", hint="The installation is incomplete", id="repoman.E001"))
        except (ImportError, TypeError, ValueError) as error:
            found.append(Error(f"The {what} cannot be loaded: {error}", id="repoman.E002"))
    return found


@register("repoman")
def check_private_files(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Secrets in the data folder can be read by their owner alone."""
    found: list[CheckMessage] = []
    for name in ("secret.key", "admin.password", "tls/key.pem", "broker/url"):
        path = settings.DATA_DIR / name
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            found.append(
                Warning(f"{name} in the data folder can be read by others", hint="chmod 600 it", id="repoman.W001")
            )
    return found


@register("repoman")
def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The server is not reached from other machines over plain HTTP without anybody having said so."""
    configuration = settings.REPOMAN
    scheme = urlsplit(configuration.base_url).scheme
    found: list[CheckMessage] = []
    if configuration.host in ("0.0.0.0", "::") and not configuration.base_url:  # noqa: S104 - compared, not bound
        found.append(
            Warning(
                "The server listens on all addresses and REPOMAN_BASE_URL is not set",
                hint="Set it to the address people use; links are guessed from each request's Host header until then",
                id="repoman.W002",
            )
        )
    if scheme == "https" and not configuration.tls and not configuration.trusted_proxies:
        found.append(
            Warning(
                "REPOMAN_BASE_URL is https, but there is neither a certificate nor a trusted proxy",
                hint="Set REPOMAN_TLS_CERTIFICATE and REPOMAN_TLS_KEY, or name the proxy in REPOMAN_TRUSTED_PROXIES",
                id="repoman.W003",
            )
        )
    return found
