"""The fixed set of real packages that pip and uv install: pinned in locks/install-set.txt, fetched once, then replayed.

The wheels come through this machine's own pip settings. Their pages are made up to the weight that the real ones had when the
set was chosen, so that runs on different days and machines serve the same pages.
"""

import email
import hashlib
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests import distributions
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.results import Results
from tests.benchmarks.servers.peer import LOCKS
from tests.benchmarks.simple_pages import Entry
from tests.benchmarks.upstream import Offered

LOCK = LOCKS / "install-set.txt"

# By project: files on its page, bytes of its wheel, and the mean length of the page's file names.
PAGES: dict[str, tuple[int, int, int]] = {
    "amqp": (126, 51_956, 22),
    "annotated-types": (18, 13_427, 33),
    "asgiref": (142, 27_593, 26),
    "billiard": (171, 90_632, 31),
    "blinker": (27, 8_458, 23),
    "boto3": (4_312, 140_158, 26),
    "botocore": (4_984, 16_555_415, 29),
    "celery": (363, 519_594, 24),
    "certifi": (142, 134_093, 29),
    "cffi": (2_124, 217_807, 46),
    "charset-normalizer": (2_461, 269_972, 69),
    "click": (130, 126_163, 23),
    "click-didyoumean": (11, 3_631, 33),
    "click-plugins": (15, 11_051, 32),
    "click-repl": (22, 14_988, 28),
    "cryptography": (3_742, 4_752_576, 52),
    "django": (815, 8_319_631, 25),
    "flask": (110, 103_424, 23),
    "idna": (75, 69_583, 20),
    "itsdangerous": (37, 16_234, 28),
    "jinja2": (97, 134_899, 25),
    "jmespath": (39, 20_419, 25),
    "kombu": (314, 266_635, 23),
    "markdown-it-py": (92, 96_951, 32),
    "markupsafe": (1_024, 22_961, 57),
    "mdurl": (8, 9_979, 23),
    "numpy": (4_415, 16_918_164, 49),
    "prompt-toolkit": (303, 392_288, 32),
    "pycparser": (35, 62_600, 23),
    "pydantic": (2_066, 494_071, 51),
    "pydantic-core": (14_917, 2_253_434, 63),
    "pygments": (188, 1_250_147, 25),
    "python-dateutil": (58, 229_892, 33),
    "requests": (244, 73_075, 26),
    "rich": (414, 310_654, 23),
    "s3transfer": (128, 90_252, 29),
    "six": (48, 11_050, 22),
    "sqlalchemy": (6_796, 4_679_570, 58),
    "sqlparse": (60, 51_200, 25),
    "typing-extensions": (116, 45_571, 37),
    "typing-inspection": (22, 14_874, 35),
    "tzlocal": (91, 18_215, 24),
    "urllib3": (192, 135_717, 26),
    "vine": (30, 9_636, 24),
    "wcwidth": (212, 785_946, 43),
    "werkzeug": (195, 228_700, 26),
}

_PLATFORMS = (
    "macosx_11_0_arm64",
    "win_amd64",
    "musllinux_1_2_x86_64",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64.manylinux_2_28_aarch64",
)


@dataclass(frozen=True)
class InstallSet:
    """``files`` are the wheels that are installed, one of each project."""

    files: tuple[Offered, ...]
    requirements: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        return sum(file.size for file in self.files) / 1e6


def pinned() -> dict[str, str]:
    """Versions by project, of those that the running Python installs."""
    found = {}
    for line in LOCK.read_text().splitlines():
        if "==" in line and not line[0].isspace():
            requirement, _, marker = line.rstrip(" \\").partition(" ; ")
            name, _, version = requirement.partition("==")
            if not marker or Marker(marker).evaluate():
                found[name] = version
    return found


def prepare(cache: Path, generated: Path, seed: int, results: Results) -> InstallSet:
    """The wheels from the cache, from the package index, or made here when it cannot be reached."""
    wanted = pinned()
    folder = cache / "install-set"
    try:
        files = _downloaded(folder, wanted)
    except CouldNotRun as reason:
        results.notes.append(f"The install set is made of generated wheels of the real sizes: {reason}.")
        files = _generated(generated, wanted, seed)
    return InstallSet(tuple(files), tuple(f"{name}=={version}" for name, version in wanted.items()))


def _downloaded(folder: Path, wanted: dict[str, str]) -> list[Offered]:
    folder.mkdir(parents=True, exist_ok=True)
    found = _wheels(folder)
    if not all((name, version) in found for name, version in wanted.items()):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ]
        done = subprocess.run(
            [*command, "-d", str(folder), "-r", str(LOCK)], capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            raise CouldNotRun("the package index could not be reached, or has not all of the set")
        found = _wheels(folder)
    return [_offered(name, found[name, version]) for name, version in wanted.items()]


def _wheels(folder: Path) -> dict[tuple[str, str], Path]:
    return {
        (canonicalize_name(path.name.split("-")[0]), path.name.split("-")[1]): path for path in folder.glob("*.whl")
    }


def _offered(name: str, path: Path) -> Offered:
    with zipfile.ZipFile(path) as archive:
        inside = next(
            entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA") and entry.count("/") == 1
        )
        metadata = archive.read(inside)
    return Offered(
        project=name,
        path=path.resolve(),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        metadata=metadata,
        requires_python=email.message_from_bytes(metadata)["Requires-Python"] or "",
    )


def _generated(folder: Path, wanted: dict[str, str], seed: int) -> list[Offered]:
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    made = []
    for name, version in wanted.items():
        built = distributions.wheel(name, version, payload=chance.randbytes(PAGES.get(name, (0, 50_000, 0))[1]))
        (folder / built.filename).write_bytes(built.content)
        made.append(_offered(name, folder / built.filename))
    return made


def padding() -> dict[str, list[Entry]]:
    """Made-up further files of every project's page; ``url`` is the path below the place of files."""
    return {name: list(_made_up(name, files - 1, length)) for name, (files, _, length) in PAGES.items()}


def _made_up(name: str, count: int, length: int) -> Iterator[Entry]:
    stem = name.replace("-", "_")
    binary = length > len(stem) + 22
    for number in range(count):
        digest, place, metadata = (hashlib.sha256(f"{name} {number} {use}".encode()).hexdigest() for use in range(3))
        version = f"0.{number // 60}.{number % 60}" if not binary else f"0.{number // 40}"
        if binary:
            python = f"cp3{9 + number % 6}"
            filename = f"{stem}-{version}-{python}-{python}-{_PLATFORMS[number % len(_PLATFORMS)]}.whl"
        else:
            filename = f"{stem}-{version}-py3-none-any.whl" if number % 2 else f"{stem}-{version}.tar.gz"
        yield Entry(
            filename=filename,
            url=f"{place[:2]}/{place[2:4]}/{place[4:]}/{filename}",
            sha256=digest,
            size=100_000 + number,
            requires_python=">=3.8",
            metadata_sha256=metadata if filename.endswith(".whl") else "",
        )
