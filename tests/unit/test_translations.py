"""Korean is complete: every text of the code and the templates is there, translated, with the same placeholders."""

import gettext
import re
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po

from repoman import catalogues

ROOT = Path(__file__).resolve().parents[2]
KOREAN = ROOT / "locale/ko/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
# 을/를, 이/가 … cannot be right for every name that is put in.
PARTICLE = re.compile(r"(%\(\w+\)s|\{\w+\})['\"’”]?(을|를|이|가|은|는|와|과|으로|로)(?=\s|$|,|\.)")


def pairs() -> list[tuple[str, str]]:
    """Every text with its Korean."""
    with KOREAN.open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    return [
        (
            message.id if isinstance(message.id, str) else message.id[0],
            message.string if isinstance(message.string, str) else message.string[0],
        )
        for message in messages
    ]


def test_korean_is_complete() -> None:
    assert catalogues.faults(ROOT, KOREAN) == []


def test_placeholders_are_the_same() -> None:
    for text, korean in pairs():
        assert sorted(PLACEHOLDER.findall(korean)) == sorted(PLACEHOLDER.findall(text)), text


def test_no_particle_depends_on_a_value() -> None:
    assert [korean for _text, korean in pairs() if PARTICLE.search(korean)] == []


def test_catalogues_compile_without_gettext(tmp_path: Path) -> None:
    source = Path(shutil.copy(KOREAN, tmp_path))
    catalogues.compile_catalogue(source)
    with source.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("User token") == "사용자 토큰"


def test_catalogues_compile_from_the_command_line_without_a_data_folder(tmp_path: Path) -> None:
    source = shutil.copy(KOREAN, tmp_path / "django.po")
    data = tmp_path / "data"
    subprocess.run(
        [sys.executable, "-m", "repoman.catalogues", str(source)],
        cwd=ROOT, env={"REPOMAN_DATA_DIR": str(data)}, check=True,
    )  # fmt: skip
    with (tmp_path / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled.gettext("Sign in") == "로그인"
    assert not data.exists()
