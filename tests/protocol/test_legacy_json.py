"""The JSON API built from a page and METADATA: standards §7.1."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from repositories.domain.errors import NotFound
from repositories.domain.names import normalize
from repositories.domain.page import DistributionFile, ProjectPage, ProjectStatus
from repositories.protocol import legacy_json
from tests.protocol.test_core_metadata import FULL

PROJECT = normalize("demo-pkg")


def file(filename: str, version: str, **fields) -> DistributionFile:
    return DistributionFile(filename=filename, project=PROJECT, version=version, **fields)


WHEEL = file(
    "demo_pkg-1.0-py3-none-any.whl",
    "1.0",
    hashes={"md5": "d" * 32, "sha256": "a" * 64, "blake2b_256": "b" * 64},
    size=10,
    upload_time=datetime(2026, 3, 1, 12, 34, 56, 123456, tzinfo=UTC),
    requires_python=">=3.9",
    core_metadata={"sha256": "c" * 64},
)
SDIST = file("demo_pkg-1.0.tar.gz", "1.0", yanked="bad")
OLD = file("demo_pkg-0.9.tar.gz", "0.9")
PAGE = ProjectPage(project=PROJECT, name="Demo.Pkg", files=(SDIST, WHEEL, OLD), versions=("0.8", "0.9", "1.0"))


def url(file: DistributionFile) -> str:
    return "https://repoman.example/" + file.filename


def render(page=PAGE, version=None, metadata=FULL) -> dict:
    return json.loads(legacy_json.render(page, version, metadata, url))


def versions(*names: str, yanked: tuple[str, ...] = (), listed: tuple[str, ...] = ()) -> ProjectPage:
    files = tuple(file(f"demo_pkg-{name}.tar.gz", name, yanked=name in yanked) for name in names)
    return ProjectPage(project=PROJECT, name="demo-pkg", files=files, versions=(*names, *listed))


@pytest.mark.parametrize(
    ("page", "latest"),
    [
        (versions("1.0", "1.10", "1.9"), "1.10"),
        (versions("1.0", "2.0rc1"), "1.0"),
        (versions("1.0rc1", "1.0rc2"), "1.0rc2"),
        (versions("1.0", "2.0", yanked=("2.0",)), "1.0"),
        (versions("1.0", "2.0rc1", yanked=("1.0",)), "2.0rc1"),
        (versions("1.0", "2.0", yanked=("1.0", "2.0")), "2.0"),
        (versions("1.0", "2004d"), "1.0"),
        (versions("2004d"), "2004d"),
        (versions("1.0", listed=("3.0",)), "1.0"),
        (versions(), None),
    ],
)
def test_latest_version(page, latest):
    assert legacy_json.latest_version(page) == latest


def test_representative_is_a_wheel_with_metadata():
    other = file("demo_pkg-1.0.0-cp311-cp311-win32.whl", "1.0.0", core_metadata={})
    page = replace(PAGE, files=(SDIST, other, WHEEL))
    assert legacy_json.representative(page, "1.0") == other
    assert legacy_json.representative(PAGE, "1.0.0") == WHEEL
    assert legacy_json.representative(PAGE, "0.9") is None


def test_project_answer_has_info_of_the_latest_and_all_releases():
    document = render()
    info = document["info"]
    assert (info["name"], info["version"], info["summary"]) == ("Demo.Pkg", "1.0", "A demo")
    assert info["project_urls"] == {"Source": "https://src.example"}
    assert info["downloads"] == {"last_day": -1, "last_month": -1, "last_week": -1}
    assert (info["yanked"], info["yanked_reason"]) == (False, None)
    assert {name: [f["filename"] for f in files] for name, files in document["releases"].items()} == {
        "0.8": [],
        "0.9": ["demo_pkg-0.9.tar.gz"],
        "1.0": ["demo_pkg-1.0.tar.gz", "demo_pkg-1.0-py3-none-any.whl"],
    }
    assert document["urls"] == document["releases"]["1.0"]
    assert document["vulnerabilities"] == []


def test_file_entry_has_exactly_these_keys():
    assert render()["urls"][1] == {
        "comment_text": "",
        "core-metadata": {"sha256": "c" * 64},
        "digests": {"blake2b_256": "b" * 64, "md5": "d" * 32, "sha256": "a" * 64},
        "downloads": -1,
        "filename": "demo_pkg-1.0-py3-none-any.whl",
        "has_sig": False,
        "md5_digest": "d" * 32,
        "packagetype": "bdist_wheel",
        "python_version": "py3",
        "requires_python": ">=3.9",
        "size": 10,
        "upload_time": "2026-03-01T12:34:56",
        "upload_time_iso_8601": "2026-03-01T12:34:56.123456Z",
        "url": "https://repoman.example/demo_pkg-1.0-py3-none-any.whl",
        "yanked": False,
        "yanked_reason": None,
    }


def test_version_answer_has_no_releases_and_takes_equal_spellings():
    document = render(version="1.0.0")
    assert "releases" not in document
    assert document["info"]["version"] == "1.0"
    assert len(document["urls"]) == 2


@pytest.mark.parametrize("metadata", [None, b"\xff", b"X: y\n" * 60_000])
def test_release_without_readable_metadata_is_still_described(metadata):
    info = render(version="1.0", metadata=metadata)["info"]
    assert (info["name"], info["version"], info["requires_python"], info["summary"]) == ("Demo.Pkg", "1.0", ">=3.9", "")


def test_release_is_yanked_when_all_its_files_are():
    page = replace(PAGE, files=(SDIST,))
    info = render(page, "1.0")["info"]
    assert (info["yanked"], info["yanked_reason"]) == (True, "bad")


def test_unknown_version_is_not_found():
    with pytest.raises(NotFound, match=r"Demo\.Pkg has no version 7"):
        render(version="7")


def test_quarantined_project_and_project_without_versions_are_not_found():
    for page in (replace(PAGE, status=ProjectStatus(status="quarantined")), versions()):
        with pytest.raises(NotFound, match=r"^Not Found$"):
            render(page)
