"""The replayed upstream: a folder that nginx serves as a public index would, with the corpus and the install set."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.benchmarks.corpus import Corpus
from tests.benchmarks.simple_pages import Entry, write_page, write_root


@dataclass(frozen=True)
class Offered:
    """A file the upstream really has."""

    project: str
    path: Path
    sha256: str
    size: int
    metadata: bytes
    requires_python: str


def of_corpus(corpus: Corpus) -> list[Offered]:
    return [
        Offered(file.project, file.path, file.sha256, file.size, file.metadata, file.requires_python)
        for file in corpus.files
    ]


def write(root: Path, port: int, offered: Iterable[Offered], padding: dict[str, Sequence[Entry]]) -> None:
    """Write pages and files below ``root``. ``padding`` are further entries of a page, whose files nobody fetches."""
    base = f"http://127.0.0.1:{port}/packages"
    pages: dict[str, list[Entry]] = {}
    for file in offered:
        place = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}"
        folder = root / "packages" / place
        folder.mkdir(parents=True, exist_ok=True)
        os.symlink(file.path, folder / file.path.name)
        (folder / f"{file.path.name}.metadata").write_bytes(file.metadata)
        entry = Entry(
            filename=file.path.name,
            url=f"{base}/{place}/{file.path.name}",
            sha256=file.sha256,
            size=file.size,
            requires_python=file.requires_python,
            metadata_sha256=sha256(file.metadata).hexdigest(),
        )
        pages.setdefault(file.project, []).append(entry)
    for project, entries in pages.items():
        made_up = [_at(base, entry) for entry in padding.get(project, ())]
        write_page(root / "simple" / project, project, [*made_up, *entries])
    write_root(root / "simple", sorted(pages))


def _at(base: str, entry: Entry) -> Entry:
    return Entry(
        entry.filename, f"{base}/{entry.url}", entry.sha256, entry.size, entry.requires_python, entry.metadata_sha256
    )
