"""Names of projects, repositories and files: what is legal, what is the same, what an odd name still tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import (
    is_project_name,
    is_repository_name,
    looks_like_distribution,
    normalize,
    parse_filename,
    printable,
    require_filename,
    require_project,
    same_version,
    url_version,
)


@pytest.mark.parametrize(
    ("name", "normal"),
    [("My.Pkg", "my-pkg"), ("a__b--c..d", "a-b-c-d"), ("A-_.B", "a-b"), ("x", "x"), ("2to3", "2to3")],
)
def test_pep503_spellings_of_one_project(name, normal):
    assert require_project(name) == normal


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "_a", "a.", "a b", "a\n", "ä", "a/b", "..", "%2e", "a" * 129, "\u212a"]
)
def test_illegal_project_names(name):
    assert not is_project_name(name)
    with pytest.raises(InvalidRequest):
        require_project(name)


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("pypi-public", True),
        ("-x", True),
        ("a.b_c", True),
        (".a", False),
        ("..", False),
        ("", False),
        ("a/b", False),
        ("a\n", False),
    ],
)
def test_repository_names(name, legal):
    assert is_repository_name(name) is legal


@pytest.mark.parametrize(
    "filename", ["a-1.0.tar.gz", "a-1.0+cpu-py3-none-any.whl", "a 1.0.zip", "한글-1.0.tar.gz", "a" * 244]
)
def test_legal_file_names(filename):
    assert require_filename(filename) == filename


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a\x7f",
        "a\x85",
        " a",
        "a ",
        "a..b",
        "a" * 245,
        "é" * 123,
        "a\u202egnp.whl",
        "a\u200b.whl",
        "a\u2028.whl",
        "a\ufeff.whl",
        "a\u2066.whl",
        "a\ud800.whl",
        "\udcff",
    ],
)
def test_t05_t19_illegal_file_names(filename):
    with pytest.raises(InvalidRequest) as caught:
        require_filename(filename)
    caught.value.detail.encode("utf-8")


@pytest.mark.parametrize(
    ("filename", "project", "version", "packagetype"),
    [
        ("holygrail-1.0-py3-none-any.whl", "holygrail", "1.0", "bdist_wheel"),
        ("Holy.Grail-1.0.0-1-cp311-abi3-linux_x86_64.whl", "holy-grail", "1.0.0", "bdist_wheel"),
        ("holygrail-1.0+cu12_1-py3-none-any.whl", "holygrail", "1.0+cu12.1", "bdist_wheel"),
        ("holygrail-1.0_1-py2-none-any.whl", "holygrail", "1.0.post1", "bdist_wheel"),
        ("holygrail-2004d-py2-none-any.whl", "holygrail", "2004d", "bdist_wheel"),
        ("holygrail-1.0-py3-none-any-x86_64_v3.whl", "holygrail", "1.0", "bdist_wheel"),
        ("holygrail-1.0-py3.whl", "holygrail", "", "bdist_wheel"),
        ("holygrail-1.0.tar.gz", "holygrail", "1.0", "sdist"),
        ("holygrail-1.0-1.tar.gz", "holygrail", "1.0.post1", "sdist"),
        ("holygrail-1.0.tar.bz2", "holygrail", "1.0", "sdist"),
        ("holygrail-1.0.TAR.Z", "holygrail", "1.0", "sdist"),
        ("holygrail-1.0.tgz", "holygrail", "1.0", "sdist"),
        ("holygrail-1.0-py2.7.egg", "holygrail", "1.0", "bdist_egg"),
        ("holygrail-1.0.win32-py2.7.exe", "holygrail", "1.0", "other"),
        ("holygrail-1.0.win-amd64.msi", "holygrail", "1.0", "other"),
        ("holygrail-1.0-1.noarch.rpm", "holygrail", "1.0", "other"),
        ("holygrail.txt", "holygrail", "", "other"),
        ("other-1.0.tar.gz", "holygrail", "", "sdist"),
    ],
)
def test_file_names_old_and_new(filename, project, version, packagetype):
    parsed = parse_filename(filename, normalize("holygrail") if packagetype != "bdist_wheel" else None)
    assert (parsed.project, parsed.version, parsed.packagetype) == (project, version, packagetype)


def test_project_decides_where_the_name_ends():
    assert parse_filename("foo-2-bar-1.0.zip", normalize("foo-2-bar")).version == "1.0"
    assert parse_filename("foo-1.0.zip").project == "foo"


@given(st.text("ab1.-_+ é", max_size=30), st.sampled_from([".whl", ".tar.gz", ".zip", ".egg", ".exe", ""]))
def test_any_file_name_is_parsed_without_an_error(stem, suffix):
    for project in (None, normalize("a-b")):
        parsed = parse_filename(stem + suffix, project)
        assert parsed.packagetype in ("bdist_wheel", "sdist", "bdist_egg", "other")
        assert parsed.project is None or parsed.project == normalize(parsed.project)


def test_t22_endless_version_number_is_kept_as_text():
    assert parse_filename(f"a-{'1' * 5000}.tar.gz", normalize("a")).version == "1" * 5000


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1.0", "1.0.0", True),
        ("1.0-1", "1.0.post1", True),
        ("1.0", "1.1", False),
        ("x", "x", True),
        ("x", "y", False),
        ("1" * 5000, "2" * 5000, False),
        ("1.0", "1" * 5000, False),
        ("1.0+a", "1.0", False),
    ],
)
def test_versions_are_compared_as_versions(left, right, same):
    assert same_version(left, right) is same


def test_small_ones():
    assert url_version("") == "-"
    assert url_version("1.0") == "1.0"
    assert looks_like_distribution("A-1.0.TAR.GZ")
    assert looks_like_distribution("a-1.0-py3-none-any.whlx")
    assert not looks_like_distribution("a-1.0.tar.gz.asc")


@given(st.text(max_size=200))
def test_printable_text_is_short_and_on_one_line(text):
    cleaned = printable(text, 50)
    assert len(cleaned) <= 50
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode("utf-8")
