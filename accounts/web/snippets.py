"""Ready texts for the tools people use, with the user token's codes in them. Pure: values in, texts out.

Each text is checked by `tests/unit/test_accounts_snippets.py` with the tool's own file format.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from repoman.addresses import Address

PLACEHOLDER = "PASS_CODE"
TERMINAL: Any = _("Terminal")


@dataclass(frozen=True, slots=True)
class Codes:
    """A user token; ``pass_code`` is ``PLACEHOLDER`` where it cannot be shown."""

    name_code: str
    pass_code: str = field(repr=False, default=PLACEHOLDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A text to copy. ``path`` is the file it belongs into or where to type it; ``filename`` is set for whole files."""

    key: str
    path: Any
    text: str
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The snippets of one tool on one system."""

    key: str
    title: Any
    lead: Any
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where to install from, where to upload to (None: nowhere), and with which codes."""

    read: Address
    upload: Address | None
    codes: Codes

    @property
    def plain_http(self) -> bool:
        return urlsplit(self.read.url).scheme == "http"

    @property
    def host(self) -> str:
        """Host name and port as written in a URL."""
        return urlsplit(self.read.url).netloc

    @property
    def machine(self) -> str:
        """The host alone, as netrc knows it."""
        return urlsplit(self.read.url).hostname or ""

    def with_codes(self, url: str) -> str:
        """Return ``url`` with the codes in it; their characters need no escaping there."""
        scheme, rest = url.split("://", 1)
        return f"{scheme}://{self.codes.name_code}:{self.codes.pass_code}@{rest}"


def tools(situation: Situation, system: str = "linux") -> list[Tool]:
    """Return every tool, pip for the visitor's ``system`` ("windows", "macos" or "linux") first."""
    pips = {"windows": pip_windows, "linux": pip_linux, "macos": pip_macos}
    order = sorted(pips, key=lambda name: name != system)
    makers = [*(pips[name] for name in order), uv, netrc, poetry, pdm, twine, docker, continuous_integration]
    return [made for made in (maker(situation) for maker in makers) if made is not None]


def system_of(user_agent: str) -> str:
    """Guess "windows", "macos" or "linux" from a browser's User-Agent."""
    if "Windows" in user_agent:
        return "windows"
    return "macos" if re.search(r"Mac OS|Macintosh", user_agent) else "linux"


def _pip_settings(situation: Situation) -> list[tuple[str, str]]:
    url = situation.with_codes(situation.read.url)
    settings = [("index", f"{url}/pypi"), ("index-url", f"{url}/simple")]
    if situation.plain_http:
        settings.append(("trusted-host", situation.host))
    return settings


def _pip_file(situation: Situation) -> str:
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in _pip_settings(situation))


def _pip_commands(situation: Situation) -> str:
    lines = [f"pip config --user set global.{key} {shlex.quote(value)}" for key, value in _pip_settings(situation)]
    return "\n".join([*lines, "pip config list"])


def _pip(situation: Situation, key: str, title: str, path: Any, filename: str, lead: Any) -> Tool:
    return Tool(
        key=key,
        title=title,
        lead=lead,
        snippets=(
            Snippet(key=f"{key}-file", path=path, text=_pip_file(situation), filename=filename),
            Snippet(key=f"{key}-commands", path=TERMINAL, text=_pip_commands(situation)),
        ),
    )


def pip_windows(situation: Situation) -> Tool:
    """pip.ini of a user on Windows."""
    lead = _(
        "Save this as the file named above it, or run the commands; both do the same. For all users of the "
        "machine: C:\\ProgramData\\pip\\pip.ini; for one environment: pip.ini in its folder."
    )
    return _pip(situation, "pip-windows", "pip · Windows", r"%APPDATA%\pip\pip.ini", "pip.ini", lead)


def pip_linux(situation: Situation) -> Tool:
    """pip.conf of a user on Linux."""
    lead = _(
        "Save this as the file named above it, or run the commands; both do the same. For all users of the "
        "machine: /etc/pip.conf; for one environment: pip.conf in its folder."
    )
    return _pip(situation, "pip-linux", "pip · Linux", "~/.config/pip/pip.conf", "pip.conf", lead)


def pip_macos(situation: Situation) -> Tool:
    """pip.conf of a user on macOS."""
    lead = _(
        "Save this as the file named above it, or run the commands; both do the same. Where that folder "
        "does not exist, pip reads ~/.config/pip/pip.conf."
    )
    path = "~/Library/Application Support/pip/pip.conf"
    return _pip(situation, "pip-macos", "pip · macOS", path, "pip.conf", lead)


def netrc(situation: Situation) -> Tool:
    """Codes in netrc, address without them."""
    codes = situation.codes
    text = f"machine {situation.machine}\nlogin {codes.name_code}\npassword {codes.pass_code}\n"
    lines = [f"pip config --user set global.index-url {shlex.quote(situation.read.url + '/simple')}"]
    if situation.plain_http:
        lines.append(f"pip config --user set global.trusted-host {shlex.quote(situation.host)}")
    return Tool(
        key="netrc",
        title="netrc",
        lead=_(
            "Keeps the codes out of addresses, and so out of logs. pip, uv and curl read it; on Windows the file is "
            "%USERPROFILE%\\_netrc. It gets in the way of Poetry’s own settings for the same host."
        ),
        snippets=(
            Snippet(key="netrc-file", path="~/.netrc", text=text, filename="netrc"),
            Snippet(key="netrc-commands", path=TERMINAL, text="\n".join(["chmod 600 ~/.netrc", *lines])),
        ),
    )


def _toml(value: str) -> str:
    # A JSON string is a TOML basic string as long as nothing is escaped beyond ASCII control characters.
    return json.dumps(value, ensure_ascii=False)


def uv_variable(name: str) -> str:
    """Return the part of UV_INDEX_…_USERNAME that stands for the index ``name``."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def uv(situation: Situation) -> Tool:
    """uv.toml, with the codes in uv's own store or in variables."""
    read, codes = situation.read, situation.codes
    insecure = f"allow-insecure-host = [{_toml(situation.host)}]\n\n" if situation.plain_http else ""
    index = f"[[index]]\nname = {_toml(read.name)}\nurl = {_toml(read.url + '/simple')}\ndefault = true\n"
    variable = uv_variable(read.name)
    variables = (
        f"export UV_INDEX_{variable}_USERNAME={codes.name_code}\nexport UV_INDEX_{variable}_PASSWORD={codes.pass_code}"
    )
    found = [
        Snippet(key="uv-file", path="~/.config/uv/uv.toml", text=insecure + index, filename="uv.toml"),
        Snippet(key="uv-variables", path=TERMINAL, text=variables),
    ]
    if situation.upload:
        url = shlex.quote(f"{situation.upload.url}/")
        command = f"uv publish --publish-url {url} --username {codes.name_code} --password {codes.pass_code}"
        found.append(Snippet(key="uv-publish", path="uv publish", text=command))
    return Tool(
        key="uv",
        title="uv",
        lead=_(
            "The file holds the address (on Windows %APPDATA%\\uv\\uv.toml; in pyproject.toml the table is called "
            "tool.uv.index); the codes come from the variables, or from netrc."
        ),
        snippets=tuple(found),
    )


def _alias(name: str) -> str:
    """Return a repository's name as Poetry and PDM can have it: both take a dot for a level of their settings."""
    return name.replace(".", "-")


def poetry(situation: Situation) -> Tool:
    """Poetry's source, and where it publishes."""
    read, codes = situation.read, situation.codes
    lines = [
        f"poetry source add --priority=primary {_alias(read.name)} {shlex.quote(read.url + '/simple/')}",
        f"poetry config http-basic.{_alias(read.name)} {codes.name_code} {codes.pass_code}",
    ]
    found = [Snippet(key="poetry-source", path=TERMINAL, text="\n".join(lines))]
    upload = situation.upload
    if upload:
        lines = [f"poetry config repositories.{_alias(upload.name)} {shlex.quote(upload.url + '/')}"]
        if upload.name != read.name:
            lines.append(f"poetry config http-basic.{_alias(upload.name)} {codes.name_code} {codes.pass_code}")
        lines.append(f"poetry publish --build -r {_alias(upload.name)}")
        found.append(Snippet(key="poetry-publish", path="poetry publish", text="\n".join(lines)))
    return Tool(key="poetry", title="Poetry", lead=_("Run these in the project’s folder."), snippets=tuple(found))


def pdm(situation: Situation) -> Tool:
    """PDM's index, and where it publishes."""
    read, codes, upload = situation.read, situation.codes, situation.upload
    lines = [
        f"pdm config pypi.url {shlex.quote(read.url + '/simple')}",
        f"pdm config pypi.username {codes.name_code}",
        f"pdm config pypi.password {codes.pass_code}",
    ]
    found = [Snippet(key="pdm-index", path=TERMINAL, text="\n".join(lines))]
    if upload:
        lines = [
            f"pdm config repository.{_alias(upload.name)}.url {shlex.quote(upload.url + '/')}",
            f"pdm config repository.{_alias(upload.name)}.username {codes.name_code}",
            f"pdm config repository.{_alias(upload.name)}.password {codes.pass_code}",
            f"pdm publish -r {_alias(upload.name)}",
        ]
        found.append(Snippet(key="pdm-publish", path="pdm publish", text="\n".join(lines)))
    return Tool(key="pdm", title="PDM", lead=_("These hold for all of your projects."), snippets=tuple(found))


def twine(situation: Situation) -> Tool | None:
    """.pypirc; None when there is nowhere to upload to."""
    upload, codes = situation.upload, situation.codes
    if upload is None:
        return None
    text = (
        f"[distutils]\nindex-servers =\n    {upload.name}\n\n[{upload.name}]\nrepository = {upload.url}/\n"
        f"username = {codes.name_code}\npassword = {codes.pass_code}\n"
    )
    return Tool(
        key="twine",
        title="twine (.pypirc)",
        lead=_("For twine, flit and others that read .pypirc (on Windows %USERPROFILE%\\.pypirc)."),
        snippets=(
            Snippet(key="twine-file", path="~/.pypirc", text=text, filename=".pypirc"),
            Snippet(key="twine-commands", path=TERMINAL, text=f"twine upload -r {upload.name} dist/*"),
        ),
    )


def docker(situation: Situation) -> Tool:
    """A build secret: the codes are in no layer and in no variable of the image."""
    url = shlex.quote(f"{situation.read.url}/simple")
    trusted = f" --trusted-host {shlex.quote(situation.host)}" if situation.plain_http else ""
    dockerfile = (
        # NETRC is read by pip and uv alike, whoever the image's user is.
        "RUN --mount=type=secret,id=netrc,mode=0444 \\\n"
        f"    NETRC=/run/secrets/netrc pip install --index-url {url}{trusted} -r requirements.txt"
    )
    return Tool(
        key="docker",
        title=_("Docker build"),
        lead=_(
            "Uses the netrc file as a build secret. Never give the codes by ARG or ENV: they would stay in the image."
        ),
        snippets=(
            Snippet(key="docker-file", path="Dockerfile", text=dockerfile),
            Snippet(key="docker-commands", path=TERMINAL, text='docker build --secret id=netrc,src="$HOME/.netrc" .'),
        ),
    )


def continuous_integration(situation: Situation) -> Tool:
    """Variables of two CI services; the codes are kept as their masked secrets."""
    scheme, rest = f"{situation.read.url}/simple".split("://", 1)
    trusted = f"PIP_TRUSTED_HOST: {_toml(situation.host)}" if situation.plain_http else ""
    github = _yaml_env(
        f"{scheme}://${{{{ secrets.REPOMAN_NAME_CODE }}}}:${{{{ secrets.REPOMAN_PASS_CODE }}}}@{rest}", trusted, "env"
    )
    gitlab = _yaml_env(f"{scheme}://${{REPOMAN_NAME_CODE}}:${{REPOMAN_PASS_CODE}}@{rest}", trusted, "variables")
    return Tool(
        key="ci",
        title=_("GitHub, GitLab CI"),
        lead=_(
            "Keep the two codes as masked secrets named REPOMAN_NAME_CODE and REPOMAN_PASS_CODE; the files then hold none."
        ),
        snippets=(
            Snippet(key="ci-github", path=".github/workflows/….yml", text=github),
            Snippet(key="ci-gitlab", path=".gitlab-ci.yml", text=gitlab),
        ),
    )


def _yaml_env(url: str, trusted: str, key: str) -> str:
    lines: Sequence[str] = [f"PIP_INDEX_URL: {_toml(url)}", *([trusted] if trusted else [])]
    return f"{key}:\n" + "\n".join(f"  {line}" for line in lines)
