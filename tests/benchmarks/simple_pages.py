"""Simple pages of the upstream as a large public index renders them: HTML and JSON, plain and gzipped, as files."""

import gzip
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One file of a page. ``url`` is relative to the server; ``metadata_sha256`` is "" where there is no metadata."""

    filename: str
    url: str
    sha256: str
    size: int
    requires_python: str = ""
    metadata_sha256: str = ""


def write_page(folder: Path, project: str, entries: Sequence[Entry]) -> None:
    """Write ``folder``/index.html and index.json with their .gz."""
    folder.mkdir(parents=True, exist_ok=True)
    links = "\n".join(map(_anchor, entries))
    write_both(folder / "index.html", _document(f"Links for {project}", links).encode())
    document = {
        "meta": {"api-version": "1.1"},
        "name": project,
        "files": [_json(entry, number) for number, entry in enumerate(entries)],
    }
    write_both(folder / "index.json", json.dumps(document).encode())


def write_root(folder: Path, projects: Sequence[str]) -> None:
    """The list of all projects."""
    folder.mkdir(parents=True, exist_ok=True)
    links = "\n".join(f'<a href="{name}/">{name}</a><br/>' for name in projects)
    write_both(folder / "index.html", _document("Simple index", links).encode())
    document = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in projects]}
    write_both(folder / "index.json", json.dumps(document).encode())


def write_both(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, 6, mtime=0))


def _document(title: str, links: str) -> str:
    head = f'<meta name="pypi:repository-version" content="1.1">\n<title>{title}</title>'
    return f"<!DOCTYPE html>\n<html>\n<head>\n{head}\n</head>\n<body>\n<h1>{title}</h1>\n{links}\n</body>\n</html>\n"


def _anchor(entry: Entry) -> str:
    attributes = [f'href="{entry.url}#sha256={entry.sha256}"']
    if entry.requires_python:
        attributes.append(f'data-requires-python="{html.escape(entry.requires_python)}"')
    if entry.metadata_sha256:
        attributes += [
            f'{name}="sha256={entry.metadata_sha256}"' for name in ("data-dist-info-metadata", "data-core-metadata")
        ]
    return f"<a {' '.join(attributes)}>{entry.filename}</a><br/>"


def _json(entry: Entry, number: int) -> dict[str, Any]:
    metadata: Any = {"sha256": entry.metadata_sha256} if entry.metadata_sha256 else False
    day, second = divmod(number, 86400)
    moment = f"2024-01-{day + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z"
    return {
        "core-metadata": metadata,
        "data-dist-info-metadata": metadata,
        "filename": entry.filename,
        "hashes": {"sha256": entry.sha256},
        "requires-python": entry.requires_python or None,
        "size": entry.size,
        "upload-time": moment,
        "url": entry.url,
        "yanked": False,
    }
