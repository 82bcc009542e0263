"""Metadata and provenance beside a proxy's files (PEP 658, 714, 740)."""

import json

import pytest

from repositories.domain.errors import NotFound, UpstreamError, UpstreamInvalid
from repositories.domain.index import Part
from repositories.models import CachedFile
from tests.distributions import sdist, wheel
from tests.simulators import upstream as faults
from tests.simulators.upstream import SimulatedUpstream

WHEEL = wheel("demo", "1.0")
SDIST = sdist("demo", "1.0")
METADATA_PATH = f"/files/{WHEEL.filename}.metadata"
PROVENANCE_PATH = "/integrity/demo"
PROVENANCE = json.dumps({"version": 1, "attestation_bundles": []}, indent=3).encode()


@pytest.fixture(autouse=True)
def demo(upstream: SimulatedUpstream) -> None:
    upstream.add(WHEEL.filename, WHEEL.content, metadata=WHEEL.metadata)
    upstream.add(SDIST.filename, SDIST.content)


def test_metadata_is_fetched_without_the_wheel_and_kept(proxy, upstream) -> None:
    assert proxy.file(WHEEL.filename).core_metadata == {"sha256": WHEEL.metadata_sha256}
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata
    upstream.fault("/", faults.status(500))
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata
    assert upstream.count(METADATA_PATH) == 1
    assert upstream.count(f"/files/{WHEEL.filename}") == 0


def test_metadata_that_is_not_the_promised_one_is_an_error_and_not_kept(proxy, upstream) -> None:
    upstream.fault(METADATA_PATH, faults.body(WHEEL.metadata + b"\nEvil: yes\n"), times=1)
    with pytest.raises(UpstreamInvalid):
        proxy.read(WHEEL.filename, Part.METADATA)
    assert not CachedFile.objects.exists()
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata


def test_metadata_is_asked_beside_the_path_of_a_signed_address(proxy, upstream) -> None:
    upstream.files[WHEEL.filename].listed["url"] = f"{upstream.files_url}/{WHEEL.filename}?signature=abc"
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata
    assert upstream.asked[-1].path == f"{METADATA_PATH}?signature=abc"


def test_an_upstream_without_metadata_gets_it_once_the_wheel_is_kept(proxy, upstream) -> None:
    upstream.files[WHEEL.filename].metadata = None
    assert proxy.file(WHEEL.filename).core_metadata is None
    with pytest.raises(NotFound):
        proxy.read(WHEEL.filename, Part.METADATA)
    proxy.read(WHEEL.filename)
    assert proxy.file(WHEEL.filename).core_metadata == {"sha256": WHEEL.metadata_sha256}
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata
    assert upstream.count(METADATA_PATH) == 0


def test_metadata_promised_without_a_digest_is_published_once_it_is_kept(proxy, upstream) -> None:
    upstream.files[WHEEL.filename].listed["core-metadata"] = True
    assert proxy.file(WHEEL.filename).core_metadata == {}
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata
    assert proxy.file(WHEEL.filename).core_metadata == {"sha256": WHEEL.metadata_sha256}


def test_metadata_that_upstream_promised_and_lacks_comes_from_the_kept_wheel(proxy, upstream) -> None:
    proxy.read(WHEEL.filename)
    upstream.fault(METADATA_PATH, faults.status(404))
    assert proxy.read(WHEEL.filename, Part.METADATA) == WHEEL.metadata


def test_metadata_that_cannot_be_asked_for_is_an_error_not_an_absence(proxy, upstream) -> None:
    upstream.fault(METADATA_PATH, faults.status(503))
    with pytest.raises(UpstreamError):
        proxy.read(WHEEL.filename, Part.METADATA)


def test_an_sdist_has_no_metadata_beside_it(proxy) -> None:
    with pytest.raises(NotFound):
        proxy.read(SDIST.filename, Part.METADATA)


def test_a_wheel_that_is_no_archive_is_passed_on_without_metadata(proxy, upstream) -> None:
    upstream.add("demo-7.0-py3-none-any.whl", b"not a zip file")
    assert proxy.read("demo-7.0-py3-none-any.whl") == b"not a zip file"
    assert proxy.file("demo-7.0-py3-none-any.whl").core_metadata is None


def test_provenance_is_fetched_when_asked_for_and_kept_unchanged(proxy, upstream) -> None:
    upstream.files[WHEEL.filename].listed["provenance"] = f"{upstream.url}{PROVENANCE_PATH}"
    upstream.fault(PROVENANCE_PATH, faults.body(PROVENANCE, "application/json"), times=1)
    assert proxy.file(WHEEL.filename).provenance is True
    assert upstream.count(PROVENANCE_PATH) == 0
    assert proxy.read(WHEEL.filename, Part.PROVENANCE) == PROVENANCE
    assert proxy.read(WHEEL.filename, Part.PROVENANCE) == PROVENANCE
    assert upstream.count(PROVENANCE_PATH) == 1


@pytest.mark.parametrize("content", [b"<html></html>", b"[]", b"", b"[" * 100_000])
def test_provenance_that_is_no_object_is_refused(proxy, upstream, content) -> None:
    upstream.files[WHEEL.filename].listed["provenance"] = f"{upstream.url}{PROVENANCE_PATH}"
    upstream.fault(PROVENANCE_PATH, faults.body(content, "application/json"))
    with pytest.raises(UpstreamInvalid, match="not a JSON object"):
        proxy.read(WHEEL.filename, Part.PROVENANCE)


def test_a_file_without_provenance(proxy) -> None:
    with pytest.raises(NotFound):
        proxy.read(SDIST.filename, Part.PROVENANCE)
