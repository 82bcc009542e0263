"""How to use a repository with the usual tools, as text to copy; without codes, those are on the token page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Snippet:
    """One tool. ``blocks`` are pairs: the file or place to put the text, and the text."""

    key: str
    tool: str
    blocks: tuple[tuple[Any, str], ...]


def snippets(*, name: str, type: str, base_url: str) -> Sequence[Snippet]:
    """For the repository ``name`` of ``type`` on the server at ``base_url`` (no trailing slash)."""
    root = f"{base_url}/repository/{name}/"
    index = f"{root}simple/"
    shell: Any = _("Terminal")
    pip = f"[global]\nindex-url = {index}{_trusted(base_url)}"
    uv = f'[[tool.uv.index]]\nname = "{name}"\nurl = "{index}"\ndefault = true'
    found = [
        Snippet("pip", "pip", (("pip.conf · pip.ini", pip),)),
        Snippet("uv", "uv", (("pyproject.toml", uv),)),
        Snippet("poetry", "Poetry", ((shell, f"poetry source add --priority=primary {name} {index}"),)),
        Snippet("pdm", "PDM", ((shell, f"pdm config pypi.url {index}"),)),
    ]
    if type == "hosted":
        pypirc = f"[distutils]\nindex-servers = {name}\n\n[{name}]\nrepository = {root}"
        twine = (("~/.pypirc", pypirc), (shell, f"twine upload -r {name} dist/*"))
        found += [
            Snippet("twine", "twine", twine),
            Snippet("uv-publish", "uv publish", ((shell, f"uv publish --publish-url {root} dist/*"),)),
        ]
    return found


def install_line(*, project: str, name: str, base_url: str, version: str = "") -> str:
    """The command that installs ``project`` from here, whatever else is configured."""
    pinned = f"{project}=={version}" if version else project
    trusted = _trusted(base_url)
    option = f" --trusted-host {trusted.rpartition(' ')[2]}" if trusted else ""
    return f"pip install --index-url {base_url}/repository/{name}/simple/{option} {pinned}"


def _trusted(base_url: str) -> str:
    """pip refuses an index on plain HTTP unless its host is declared as trusted (or is this machine, which does no harm)."""
    parts = urlsplit(base_url)
    return "" if parts.scheme == "https" else f"\ntrusted-host = {parts.hostname or ''}"
