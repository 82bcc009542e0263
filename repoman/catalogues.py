"""Catalogues of translations: collecting texts from code and templates, and finding what is not translated.

Done with Babel and Django's own reader of templates, so that nothing has to be installed beside Python.
`python -m repoman.catalogues FILE.po …` compiles catalogues without settings or a data folder.
"""

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

# Names of gettext's functions, with the positions of their texts.
_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
_CODE = ("repoman", "repositories", "blobstores", "accounts")
_TEMPLATES = ("templates",)


@dataclass(frozen=True, slots=True)
class Text:
    """A translatable text: where it stands and what identifies it."""

    place: tuple[str, int]
    id: str | tuple[str, ...]
    context: str | None


def texts(root: Path) -> Iterator[Text]:
    """Every translatable text below the project's folder ``root``."""
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*.py")):
            yield from _texts_of(path.read_text(encoding="utf-8"), path.relative_to(root))
    for folder in _TEMPLATES:
        for path in sorted((root / folder).rglob("*.*")):
            if path.suffix in (".html", ".txt", ".svg"):
                # What is not a translation becomes X; its indentation would not be Python's.
                source = "\n".join(line.lstrip() for line in templatize(path.read_text(encoding="utf-8")).split("\n"))
                yield from _texts_of(source, path.relative_to(root))


def _texts_of(source: str, place: Path) -> Iterator[Text]:
    for line, id, _comments, context in extract("python", io.BytesIO(source.encode()), keywords=_KEYWORDS):
        yield Text((place.as_posix(), line), id, context)


def faults(root: Path, catalogue: Path) -> list[str]:
    """What keeps a catalogue from being complete: texts without a translation, fuzzy ones, wrong placeholders."""
    translated = _read(catalogue)
    found = []
    for text in texts(root):
        message = translated.get(text.id, text.context)
        where = f"{text.place[0]}:{text.place[1]}: {text.id!r}"
        if message is None:
            found.append(f"{where} is not in the catalogue; run: make messages")
        elif not _complete(message):
            found.append(f"{where} is not translated")
        elif message.fuzzy:
            found.append(f"{where} is fuzzy")
    for message in translated:
        found += [f"{message.id!r}: {error}" for error in message.check(translated)]
    return sorted(set(found))


def _complete(message: Message) -> bool:
    parts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(parts)


def update(root: Path, catalogue: Path) -> None:
    """Bring a catalogue in line with the texts there are; translations of texts that are gone are dropped."""
    template = Catalog(project="Repoman")
    for text in texts(root):
        template.add(text.id, locations=[(text.place[0], 0)], context=text.context)
    existing = _read(catalogue)
    existing.update(template, no_fuzzy_matching=True, update_header_comment=False)
    existing.obsolete.clear()
    with catalogue.open("wb") as file:
        write_po(file, existing, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)


def compile_catalogue(source: Path, *, anyway: bool = False) -> None:
    """Write the compiled form beside ``source``, unless it is there and newer."""
    target = source.with_suffix(".mo")
    if not anyway and target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        write_mo(file, _read(source))
    scratch.chmod(0o644)
    os.replace(scratch, target)


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        compile_catalogue(Path(name))
