"""The fixed set of generated wheels: the same bytes in every run and on every machine.

tiny-000 … tiny-099    three wheels each, about 1 KB
huge-project           2,000 versions, about 1 KB each
ten-kb, ten-mb, hundred-mb    one wheel of that size
upload-000 … upload-099       one wheel each, kept aside for the uploads
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import distributions

SMALL = "tiny-042"  # the project whose page stands for all small ones
HUGE = "huge-project"
HUGE_VERSIONS = 2000
SIZED = {"ten-kb": 10_000, "ten-mb": 10_000_000, "hundred-mb": 100_000_000}


@dataclass(frozen=True)
class CorpusFile:
    """A wheel on disk with what a page says of it."""

    project: str
    version: str
    path: Path
    size: int
    sha256: str
    metadata: bytes
    requires_python: str

    @property
    def filename(self) -> str:
        return self.path.name

    def built(self) -> distributions.Built:
        """With its bytes, as `distributions.upload_form` takes it."""
        return distributions.Built(
            filename=self.filename,
            content=self.path.read_bytes(),
            metadata=self.metadata,
            filetype="bdist_wheel",
            pyversion="py3",
            name=self.project,
            version=self.version,
            fields={"requires_python": self.requires_python},
        )


@dataclass(frozen=True)
class Corpus:
    """``files`` are offered by every server from the start, ``uploads`` are not."""

    folder: Path
    files: tuple[CorpusFile, ...]
    uploads: tuple[CorpusFile, ...]

    def of(self, project: str) -> tuple[CorpusFile, ...]:
        return tuple(file for file in self.files if file.project == project)

    @property
    def projects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file.project for file in self.files))


def make(folder: Path, *, seed: int) -> Corpus:
    """Write the wheels below ``folder``/files and ``folder``/uploads; about two seconds."""
    chance = random.Random(seed)
    for part in ("files", "uploads"):
        (folder / part).mkdir(parents=True)
    return Corpus(
        folder=folder / "files",
        files=tuple(_write(folder / "files", *entry) for entry in _offered(chance)),
        uploads=tuple(_write(folder / "uploads", f"upload-{i:03}", "1.0", chance.randbytes(200)) for i in range(100)),
    )


def _offered(chance: random.Random) -> Iterator[tuple[str, str, bytes]]:
    for project in range(100):
        for version in ("1.0", "1.1", "2.0"):
            yield f"tiny-{project:03}", version, chance.randbytes(200)
    for number in range(HUGE_VERSIONS):
        yield HUGE, f"{number // 100}.{number // 10 % 10}.{number % 10}", chance.randbytes(200)
    for project, size in SIZED.items():
        # The random part is short of the whole by what the archive around it takes.
        yield (
            project,
            "1.0",
            b"".join(chance.randbytes(min(1 << 20, size - start)) for start in range(0, size, 1 << 20))[:-900],
        )


def _write(folder: Path, project: str, version: str, payload: bytes) -> CorpusFile:
    built = distributions.wheel(project, version, requires_python=">=3.9", payload=payload)
    path = folder / built.filename
    path.write_bytes(built.content)
    return CorpusFile(
        project=project,
        version=version,
        path=path,
        size=len(built.content),
        sha256=hashlib.sha256(built.content).hexdigest(),
        metadata=built.metadata,
        requires_python=">=3.9",
    )
