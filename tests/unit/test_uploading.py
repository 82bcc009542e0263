"""Each check of an upload with an upload that fails it; texts are those clients know (standards §6.2)."""

import hashlib
from dataclasses import replace

import pytest

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import normalize
from repositories.domain.uploading import CHECKS, CoreMetadata, ReceivedFile, Upload, check

DATA = b"the bytes"
HASHES = {
    "sha256": hashlib.sha256(DATA).hexdigest(),
    "md5": hashlib.md5(DATA).hexdigest(),
    "blake2b_256": hashlib.blake2b(DATA, digest_size=32).hexdigest(),
}
WHEEL = "demo_pkg-1.0-py3-none-any.whl"
MISMATCH = "The digest supplied does not match a digest calculated from the uploaded file."


def upload(filename: str = WHEEL, *, metadata: dict | None = None, **changes) -> Upload:
    wheel = filename.endswith(".whl")
    values = {
        "project": normalize("demo-pkg"),
        "display_name": "Demo.Pkg",
        "version": "1.0",
        "filetype": "bdist_wheel" if wheel else "sdist",
        "pyversion": "py3" if wheel else "source",
        "file": ReceivedFile(filename=filename, size=len(DATA), hashes=HASHES, token=None),
        "metadata": CoreMetadata(
            **{"raw": b"", "metadata_version": "2.4", "name": "Demo_Pkg", "version": "1.0", **(metadata or {})}
        ),
        **changes,
    }
    return Upload(**values)


def refused(bad: Upload) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check(bad)
    return caught.value.detail


@pytest.mark.parametrize(
    "good",
    [
        upload(),
        upload("demo_pkg-1.0.tar.gz"),
        upload("demo_pkg-1.0.zip"),
        upload("Demo.Pkg-1.0.0-1-cp311.cp312-abi3-linux_x86_64.whl"),
        upload("demo_pkg-1.0-cp313-cp313-pyemscripten_2026_0_wasm32.whl"),
        upload("demo_pkg-1.0-cp313-cp313-linux_x86_64-x86_64_v3.whl"),
        upload("demo_pkg-1.0-2-cp313-cp313-linux_x86_64-x86_64_v3.whl"),
        upload("demo_pkg-1.0+local.1.tar.gz", version="1.0+local.1", metadata={"version": "1.0+local.1"}),
        upload("demo_pkg-1.0+local_1-py3-none-any.whl", version="1.0+local.1", metadata={"version": "1.0+local-1"}),
        upload(metadata={"requires_python": ">=3.9, !=3.10.*"}),
        upload(metadata={"requires_dist": ("six>=1; python_version < '3'", "x @ https://files.example/x.whl")}),
        upload(fields={"md5_digest": [HASHES["md5"].upper()], "sha256_digest": [HASHES["sha256"]]}),
        upload(fields={"blake2_256_digest": [HASHES["blake2b_256"]], "sha256_digest": [""]}),
    ],
    ids=lambda good: good.file.filename,
)
def test_right_uploads_pass_all_checks(good):
    assert check(good) is None


@pytest.mark.parametrize("name", ["md5_digest", "sha256_digest", "blake2_256_digest"])
def test_checklist_9_every_digest_given_must_match(name):
    length = 32 if name == "md5_digest" else 64
    assert refused(upload(fields={name: ["0" * length]})) == MISMATCH
    assert refused(upload(fields={name: ["zz"]})) == f"Field {name} must be a hex digest of {length} characters"


def test_checklist_9_one_wrong_digest_among_right_ones_is_enough():
    assert refused(upload(fields={"sha256_digest": [HASHES["sha256"]], "md5_digest": ["0" * 32]})) == MISMATCH


@pytest.mark.parametrize("filetype", ["bdist_egg", "bdist_wininst", "bdist_dumb", "", "wheel"])
def test_pep527_only_wheels_and_sdists_are_accepted(filetype):
    message = "is an invalid value for filetype: upload a wheel (bdist_wheel) or an sdist"
    assert refused(upload(filetype=filetype)) == f"{filetype!r} {message}"


@pytest.mark.parametrize(
    ("filetype", "filename", "message"),
    [
        ("sdist", WHEEL, f"Invalid file extension: a file of type sdist ends with .tar.gz or .zip, unlike {WHEEL!r}."),
        (
            "bdist_wheel",
            "demo_pkg-1.0.tar.gz",
            "Invalid file extension: a file of type bdist_wheel ends with .whl, unlike 'demo_pkg-1.0.tar.gz'.",
        ),
        (
            "sdist",
            "demo_pkg-1.0.tar.bz2",
            "Invalid file extension: a file of type sdist ends with .tar.gz or .zip, unlike 'demo_pkg-1.0.tar.bz2'.",
        ),
    ],
)
def test_extension_must_fit_the_filetype(filetype, filename, message):
    assert refused(upload(filename, filetype=filetype)) == message


def test_pyversion_must_fit_the_filetype():
    assert refused(upload("demo_pkg-1.0.tar.gz", pyversion="py3")) == "Use 'source' as Python version for an sdist."
    message = "Python version is required for binary distribution uploads."
    assert refused(upload(pyversion="")) == message
    assert refused(upload(pyversion="source")) == message
    assert "is an invalid value for pyversion" in refused(upload(pyversion="p" * 65))


def test_t13_form_must_agree_with_the_archive():
    assert refused(upload(metadata={"name": "evil"})) == (
        "The form names project 'Demo.Pkg', but the file's metadata 'evil'."
    )
    assert (
        refused(upload(metadata={"version": "1.1"})) == "The form names version '1.0', but the file's metadata '1.1'."
    )


@pytest.mark.parametrize(
    "filename",
    ["Demo.Pkg-1.0.tar.gz", "demo-pkg-1.0.tar.gz", "demo_pkg-1.0.0.tar.gz", "demo_pkg-1.0-1.tar.gz", "x-1.0.tar.gz"],
)
def test_pep625_sdist_name_is_exact_and_the_right_one_is_told(filename):
    assert refused(upload(filename)) == f"Filename {filename!r} is invalid, should be 'demo_pkg-1.0.tar.gz'."


@pytest.mark.parametrize(
    ("filename", "message"),
    [
        (
            "evil-1.0-py3-none-any.whl",
            "Start filename for 'Demo.Pkg' with 'demo_pkg', unlike 'evil-1.0-py3-none-any.whl'.",
        ),
        ("demo_pkg-1.1-py3-none-any.whl", "Version in filename should be '1.0' not '1.1'."),
    ],
)
def test_pep427_wheel_name_must_say_project_and_version(filename, message):
    assert refused(upload(filename)) == message


@pytest.mark.parametrize(
    "filename",
    [
        "demo_pkg-1.0.whl",
        "demo_pkg-1.0-py3-none.whl",
        "demo_pkg-1.0-x-py3-none-any-A B.whl",
        "demo_pkg-1.0-py3-n(ne-any.whl",
        "demo-pkg-1.0-1-2-py3-none-any.whl",
        "demo_pkg-1.0-py3--any.whl",
    ],
)
def test_pep427_malformed_wheel_names_are_refused(filename):
    assert refused(upload(filename)).startswith(f"{filename!r} is not a wheel's name")


@pytest.mark.parametrize("specifier", ["3.9", ">=3.x", "=>3", ">=3.9;", ">=" + "1" * 5000])
def test_requires_python_must_be_a_specifier(specifier):
    assert "is an invalid value for Requires-Python" in refused(upload(metadata={"requires_python": specifier}))


@pytest.mark.parametrize(
    "requirement", ["", "six >> 1", "six; " + "(" * 500 + "os_name=='a'" + ")" * 500, "a" * 20_000]
)
def test_t22_requires_dist_must_be_requirements(requirement):
    assert "is an invalid value for Requires-Dist" in refused(upload(metadata={"requires_dist": ("six", requirement)}))


def test_checks_run_in_order_and_the_first_reason_is_told():
    bad = replace(upload(fields={"md5_digest": ["0" * 32]}), pyversion="", filetype="bdist_egg")
    assert "filetype" in refused(bad)
    assert [step.__name__ for step in CHECKS][:3] == ["check_filetype", "check_pyversion", "check_digests"]
