"""Settings of the server from the environment: every variable, its default and its meaning, once.

`docs/configuration.md` is made from this table (`make docs`) and a test compares them. Standard library only, because
the supervising process reads it without loading Django.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

# The one place that knows the official index's address, put together from its parts.
OFFICIAL_INDEX = "https://" + ".".join(("pypi", "org"))


class ConfigurationError(Exception):
    """A variable's value cannot be used; the text names it and says what would do."""


def _setting(name: str, default: str, help: str) -> str:
    value: Any = dataclass_field(default=default, metadata={"name": name, "default": default, "help": help})
    return cast(str, value)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Raw values as text; the properties below are the checked ones."""

    data_dir_raw: str = _setting(
        "REPOMAN_DATA_DIR", "./data", "Folder for everything that must survive: database, blobs, keys."
    )
    host: str = _setting("REPOMAN_HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port_raw: str = _setting(
        "REPOMAN_PORT", "8081", "Port for HTTP (or HTTPS, when only a certificate is given and no HTTPS port)."
    )
    https_port_raw: str = _setting("REPOMAN_HTTPS_PORT", "", "Port for HTTPS beside HTTP; needs certificate and key.")
    tls_certificate: str = _setting("REPOMAN_TLS_CERTIFICATE", "", "PEM file with the certificate chain.")
    tls_key: str = _setting("REPOMAN_TLS_KEY", "", "PEM file with the private key.")
    base_url: str = _setting(
        "REPOMAN_BASE_URL",
        "",
        "Address people use, e.g. https://packages.example; guessed from the request when empty.",
    )
    allowed_hosts_raw: str = _setting(
        "REPOMAN_ALLOWED_HOSTS",
        "",
        "More host names the console answers to, separated by commas; the base URL's host, this machine's names and loopback always are.",
    )
    trusted_proxies_raw: str = _setting(
        "REPOMAN_TRUSTED_PROXIES",
        "",
        "Addresses or networks whose X-Forwarded-* headers are believed, separated by commas.",
    )
    accel_prefix_raw: str = _setting(
        "REPOMAN_ACCEL_PREFIX",
        "",
        "Path such as /blobs/ of an internal location of nginx that sends files of <data>/blobs: trusted proxies then get X-Accel-Redirect instead of a file's bytes.",
    )
    admin_password: str = _setting(
        "REPOMAN_ADMIN_PASSWORD",
        "",
        "Password of the first administrator; made at random and written to <data>/admin.password when empty. Read at the first start only.",
    )
    anonymous_read_raw: str = _setting(
        "REPOMAN_ANONYMOUS_READ", "off", "Whether repositories can be read without signing in (on, off)."
    )
    database_url: str = _setting("REPOMAN_DATABASE_URL", "", "Database; SQLite in the data folder when empty.")
    broker_url: str = _setting(
        "REPOMAN_BROKER_URL", "", "Redis for background work; an embedded one is started when empty."
    )
    secret_key: str = _setting(
        "REPOMAN_SECRET_KEY", "", "Master secret, 32 characters or more; made and kept in <data>/secret.key when empty."
    )
    private_networks_raw: str = _setting(
        "REPOMAN_PRIVATE_NETWORKS",
        "",
        "Private networks that upstream links and redirects may lead to, separated by commas. A remote URL's own host is always allowed.",
    )
    max_upload_mb_raw: str = _setting("REPOMAN_MAX_UPLOAD_MB", "4096", "Largest file that may be uploaded, in MiB.")
    workers_raw: str = _setting("REPOMAN_WORKERS", "1", "Web processes.")
    database_threads_raw: str = _setting("REPOMAN_DATABASE_THREADS", "8", "Threads for database work in a web process.")
    transfer_threads_raw: str = _setting(
        "REPOMAN_TRANSFER_THREADS", "32", "Threads for upstream requests in a web process."
    )
    answer_cache_mb_raw: str = _setting(
        "REPOMAN_ANSWER_CACHE_MB",
        "64",
        "Memory of each web process for answers that are made once and sent many times, in MiB; 0 keeps none.",
    )
    log_level: str = _setting("REPOMAN_LOG_LEVEL", "info", "debug, info, warning or error.")
    log_format: str = _setting("REPOMAN_LOG_FORMAT", "text", "text or json.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Configuration":
        """Read the variables; an empty one counts as not set."""
        source = os.environ if environment is None else environment
        values = {}
        for item in fields(cls):
            value = source.get(item.metadata["name"], "").strip()
            if value:
                values[item.name] = value
        return cls(**values)

    def validate(self) -> None:
        """Look at every value. Raises ConfigurationError for the first that cannot be used."""
        for name in ("port", "https_port", "anonymous_read", "workers", "max_upload_bytes", "private_networks",
                     "trusted_proxies", "accel_prefix", "database_threads", "transfer_threads", "answer_cache_bytes",
                     "log_level_checked",
                     "log_format_checked", "base_url_checked", "tls"):  # fmt: skip
            getattr(self, name)

    @property
    def data_dir(self) -> Path:
        return Path(self.data_dir_raw).expanduser().absolute()

    @property
    def port(self) -> int:
        return self._integer("REPOMAN_PORT", self.port_raw, 0, 65535)

    @property
    def https_port(self) -> int | None:
        return self._integer("REPOMAN_HTTPS_PORT", self.https_port_raw, 0, 65535) if self.https_port_raw else None

    @property
    def anonymous_read(self) -> bool:
        value = self.anonymous_read_raw.lower()
        if value in ("on", "true", "yes", "1"):
            return True
        if value in ("off", "false", "no", "0"):
            return False
        raise ConfigurationError(f"REPOMAN_ANONYMOUS_READ is {value!r}; it must be on or off")

    @property
    def workers(self) -> int:
        return self._integer("REPOMAN_WORKERS", self.workers_raw, 1, 64)

    @property
    def database_threads(self) -> int:
        return self._integer("REPOMAN_DATABASE_THREADS", self.database_threads_raw, 1, 256)

    @property
    def transfer_threads(self) -> int:
        return self._integer("REPOMAN_TRANSFER_THREADS", self.transfer_threads_raw, 1, 1024)

    @property
    def log_level_checked(self) -> str:
        return self._choice("REPOMAN_LOG_LEVEL", self.log_level.lower(), ("debug", "info", "warning", "error"))

    @property
    def log_format_checked(self) -> str:
        return self._choice("REPOMAN_LOG_FORMAT", self.log_format.lower(), ("text", "json"))

    @property
    def base_url_checked(self) -> str:
        """The base URL without a slash at its end, "" when it is not set."""
        if not self.base_url:
            return ""
        try:
            parts = urlsplit(self.base_url)
            good = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        except ValueError:
            good = False
        if not good:
            raise ConfigurationError(
                f"REPOMAN_BASE_URL is {self.base_url!r}; it must be an address such as https://packages.example"
            )
        return self.base_url.rstrip("/")

    @property
    def tls(self) -> bool:
        """Whether a certificate is given; both files must be readable then."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigurationError("REPOMAN_TLS_CERTIFICATE and REPOMAN_TLS_KEY belong together; only one is set")
        if self.https_port_raw and not self.tls_certificate:
            raise ConfigurationError(
                "REPOMAN_HTTPS_PORT needs a certificate: set REPOMAN_TLS_CERTIFICATE and REPOMAN_TLS_KEY"
            )
        for name, path in (("REPOMAN_TLS_CERTIFICATE", self.tls_certificate), ("REPOMAN_TLS_KEY", self.tls_key)):
            if path and not os.access(path, os.R_OK):
                raise ConfigurationError(f"{name} is {path!r}; there is no such file, or it cannot be read")
        return bool(self.tls_certificate)

    @property
    def max_upload_bytes(self) -> int:
        return self._integer("REPOMAN_MAX_UPLOAD_MB", self.max_upload_mb_raw, 1, 1 << 20) << 20

    @property
    def answer_cache_bytes(self) -> int:
        return self._integer("REPOMAN_ANSWER_CACHE_MB", self.answer_cache_mb_raw, 0, 1 << 20) << 20

    @property
    def private_networks(self) -> tuple[str, ...]:
        return self._networks("REPOMAN_PRIVATE_NETWORKS", self.private_networks_raw)

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        return self._networks("REPOMAN_TRUSTED_PROXIES", self.trusted_proxies_raw)

    @property
    def accel_prefix(self) -> str:
        """With a slash at both ends; "" when it is not set."""
        value = self.accel_prefix_raw
        if value and not re.fullmatch(r"/[A-Za-z0-9._~/-]*[A-Za-z0-9]/", value):
            raise ConfigurationError(
                f"REPOMAN_ACCEL_PREFIX is {value!r}; it must be a path with a name between two slashes, such as /blobs/"
            )
        if value and not self.trusted_proxies:
            raise ConfigurationError(
                "REPOMAN_ACCEL_PREFIX needs a proxy that sends the files: name nginx's address in REPOMAN_TRUSTED_PROXIES"
            )
        return value

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        return tuple(host.strip() for host in self.allowed_hosts_raw.split(",") if host.strip())

    @staticmethod
    def _integer(name: str, value: str, low: int, high: int) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ConfigurationError(f"{name} is {value!r}; it must be a whole number from {low} to {high}")
        return int(value)

    @staticmethod
    def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
        if value not in choices:
            raise ConfigurationError(f"{name} is {value!r}; it must be {', '.join(choices[:-1])} or {choices[-1]}")
        return value

    @staticmethod
    def _networks(name: str, value: str) -> tuple[str, ...]:
        networks = tuple(part.strip() for part in value.split(",") if part.strip())
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ConfigurationError(
                    f"{name} has {network!r}; it must be an address or network such as 10.0.0.0/8"
                ) from None
        return networks
