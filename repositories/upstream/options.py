"""The settings of a proxy: their declaration, for forms and REST, and their values, for the program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from repoman.configuration import OFFICIAL_INDEX
from repoman.toolbox import secrets
from repositories import queries
from repositories.domain.errors import UpstreamError
from repositories.recipe import SECRET_PURPOSE, Option
from repositories.upstream.addresses import origin_of, reach
from repositories.upstream.client import Upstream

OPTIONS = (
    Option(
        key="remote_url",
        label=_("Remote URL"),
        kind="url",
        required=True,
        first_use=True,
        help=format_lazy(
            _("Address of the index to proxy. For the official index use {url}. With or without /simple."),
            url=OFFICIAL_INDEX,
        ),
    ),
    Option(
        key="use_truststore",
        label=_("Use the truststore"),
        kind="boolean",
        default=False,
        first_use=True,
        help=_("Verify the remote's certificate against the certificates of the truststore as well."),
    ),
    Option(
        key="blocked",
        label=_("Block outbound requests"),
        kind="boolean",
        default=False,
        section="connection",
        help=_("Never ask the remote; only what is kept already is served."),
    ),
    Option(
        key="auto_block",
        label=_("Block automatically"),
        kind="boolean",
        default=True,
        section="connection",
        help=_("Leave the remote alone for a while when it cannot be reached or keeps failing."),
    ),
    Option(
        key="content_max_age",
        label=_("Maximum file age (minutes)"),
        kind="integer",
        default=-1,
        minimum=-1,
        maximum=5_256_000,
        section="caching",
        help=_(
            "How long a kept file is served before it is compared with the remote again. -1: always; releases never change."
        ),
    ),
    Option(
        key="metadata_max_age",
        label=_("Maximum index age (minutes)"),
        kind="integer",
        default=10,
        minimum=-1,
        maximum=5_256_000,
        section="caching",
        help=_(
            "How long an index page is served before the remote is asked again. 0: ask each time, -1: never ask again."
        ),
    ),
    Option(
        key="negative_cache",
        label=_("Remember what is not found"),
        kind="boolean",
        default=True,
        section="caching",
        help=_("Answer at once for projects that the remote did not have a moment ago."),
    ),
    Option(
        key="negative_cache_ttl",
        label=_("Remember for (minutes)"),
        kind="integer",
        default=5,
        minimum=0,
        maximum=525_600,
        section="caching",
        help=_("A project published at the remote in the meantime appears after this time."),
    ),
    Option(key="username", label=_("User name"), kind="text", default="", section="connection"),
    Option(
        key="password",
        label=_("Password or token"),
        kind="secret",
        section="connection",
        help=_("Sent to the remote URL's own host only, never to hosts it redirects to."),
    ),
    Option(
        key="timeout",
        label=_("Timeout (seconds)"),
        kind="integer",
        default=20,
        minimum=1,
        maximum=3600,
        section="connection",
        help=_("How long to wait for the remote to connect and to answer."),
    ),
    Option(
        key="retries",
        label=_("Retries"),
        kind="integer",
        default=2,
        minimum=0,
        maximum=10,
        section="connection",
        help=_("How often to try again when no connection can be made."),
    ),
    Option(
        key="user_agent_suffix",
        label=_("User agent suffix"),
        kind="text",
        default="",
        section="connection",
        help=_("Added to the User-Agent header of outbound requests."),
    ),
    Option(
        key="forbidden_is_absent",
        label=_("Forbidden means absent"),
        kind="boolean",
        default=False,
        section="connection",
        help=_("Some static indexes answer 403 for projects that they do not have."),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """A repository's options with their defaults filled in; ages and times to live in minutes, ``timeout`` in seconds.

    ``password`` is still sealed.
    """

    remote_url: str
    use_truststore: bool
    blocked: bool
    auto_block: bool
    content_max_age: int
    metadata_max_age: int
    negative_cache: bool
    negative_cache_ttl: int
    username: str
    password: str = field(repr=False)
    timeout: int
    retries: int
    user_agent_suffix: str
    forbidden_is_absent: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "ProxyOptions":
        values = {option.key: _value(option, options) for option in OPTIONS}
        return cls(**values)


def _value(option: Option, options: Mapping[str, Any]) -> Any:
    value = options.get(option.key)
    if value is None:
        value = option.default
    return "" if value is None else value


def connect(options: ProxyOptions) -> Upstream:
    """How to reach the upstream. Reads the truststore when the options say so.

    Raises UpstreamError when the stored password cannot be read.
    """
    try:
        password = secrets.unseal(options.password, purpose=SECRET_PURPOSE) if options.password else ""
    except secrets.SecretUnreadable:
        raise UpstreamError(
            "The stored password of the upstream cannot be read, because the server's secret key has changed; enter it again"
        ) from None
    return Upstream(
        remote_url=options.remote_url,
        username=options.username,
        password=password,
        trusted_pem=queries.truststore() if options.use_truststore else "",
        timeout=options.timeout,
        retries=options.retries,
        user_agent_suffix=options.user_agent_suffix,
        forbidden_is_absent=options.forbidden_is_absent,
        private_networks=settings.REPOMAN.private_networks,
    )


def check(options: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with options that are each right by themselves, as messages by key."""
    origin = origin_of(str(options["remote_url"]))
    try:
        if reach(ip_address(origin.host)) == "never":
            return {"remote_url": _("This address can never be an upstream.")}
    except ValueError:
        pass  # a name; it is judged when it is resolved
    if options.get("use_truststore") and origin.scheme != "https":
        return {"use_truststore": _("The truststore is of use only for a remote URL that begins with https://.")}
    return {}
