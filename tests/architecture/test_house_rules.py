"""Rules of the house that no linter knows: sizes, docstrings, addresses, generated pages, lock files."""

import ast
import subprocess
from pathlib import Path

import pytest

from repoman.configuration_page import page

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("repoman", "repositories", "blobstores", "accounts")
LINES = 400
TEST_LINES = 600  # tables of cases are long without being hard to read
FUNCTION_LINES = 60
VAGUE = {"utils", "helpers", "common", "misc", "base", "util", "helper"}


def tracked() -> list[Path]:
    """Files of the project, those not yet committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]


def test_files_are_short():
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if path.suffix in (".py", ".css", ".js", ".html")
        and (count := len(path.read_text(encoding="utf-8").splitlines()))
        > (TEST_LINES if path.relative_to(ROOT).parts[0] == "tests" else LINES)
    }
    assert long == {}


def test_functions_are_short():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": size
        for path in modules()
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is_about():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if path.stat().st_size
        and "migrations" not in path.parts
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_file_has_a_vague_name():
    assert [path.name for path in modules() if path.stem in VAGUE] == []


def test_the_official_index_is_named_in_one_place():
    name = "pypi" + ".org"
    naming = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix not in (".woff2", ".png", ".ico") and name.encode() in path.read_bytes().lower()
    ]
    assert naming == []  # `configuration.py` puts it together from its parts


def test_no_file_has_a_path_of_somebodys_machine():
    starts = [f"{slash}{folder}/".encode() for slash in "/" for folder in ("home", "root", "work", "Users")]
    found = [
        (path.relative_to(ROOT).as_posix(), start)
        for path in tracked()
        if path.suffix in (".py", ".md", ".toml", ".txt", ".cfg", ".yml", ".service", ".conf", "")
        and path != Path(__file__)
        for start in starts
        if b" " + start in path.read_bytes() or b'"' + start in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("name", ["runtime", "postgres", "test", "check"])
def test_lock_files_pin_hashes_and_hold_no_addresses(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "find-links" not in text
    assert " @ " not in text
    pins = [line for line in text.splitlines() if line and not line[0].isspace()]
    assert len(pins) > 10
    assert all("==" in line and line.endswith("\\") for line in pins)


def test_page_of_the_configuration_is_up_to_date():
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), "run: make docs"
