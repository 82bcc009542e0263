"""The legacy upload API; checklist item 9 and threats T7, T10 to T13."""

import base64
import concurrent.futures
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repositories.models import Distribution, Project, Repository
from repositories.recipes import pypi_hosted
from repositories.services.repositories import update_repository
from repositories.services.uploads import keep_upload
from tests.asgi_client import Client, Response
from tests.distributions import BOUNDARY, Built, sdist, upload_form, wheel

Uploader = Callable[..., Response]
WHEEL = wheel("acme-tool", "1.0", requires_python=">=3.9")
UV = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"


def options(**changed: object) -> None:
    repository = Repository.objects.get(name="pypi-hosted")
    update_repository(repository, options={**repository.options, **changed}, members=(), routing_rule=None, online=True)


def listed(client: Client, project: str = "acme-tool", repository: str = "pypi-hosted") -> list[str]:
    response = client.get(f"/repository/{repository}/simple/{project}/", accept="application/vnd.pypi.simple.v1+json")
    return [file["filename"] for file in json.loads(response.body)["files"]] if response.status == 200 else []


def nothing_is_left(tmp_path: Path) -> bool:
    return not list((tmp_path / "blobs" / "incoming").glob("*")) and not Distribution.objects.exists()


@pytest.mark.parametrize("path", ["", "/", "/legacy", "/legacy/"])
def test_9_uploads_are_taken_with_and_without_trailing_slash(upload: Uploader, dana: Client, path: str) -> None:
    assert upload(WHEEL, path=path).status == 200
    assert listed(dana) == [WHEEL.filename]
    assert listed(dana, repository="pypi-all") == [WHEEL.filename]


def test_9_identical_is_200_and_listed_once(upload: Uploader, dana: Client) -> None:
    assert [upload(WHEEL).status, upload(WHEEL).status] == [200, 200]
    assert listed(dana) == [WHEEL.filename]


def test_9_different_is_400_and_keeps_the_first(upload: Uploader, dana: Client) -> None:
    upload(WHEEL)
    other = wheel("acme-tool", "1.0", payload=b"other")
    response = upload(other)
    assert response.status == 400
    assert response.text.startswith("File already exists ('acme_tool-1.0-py3-none-any.whl', with blake2_256 hash '")
    assert hashlib.blake2b(WHEEL.content, digest_size=32).hexdigest() in response.text
    assert dana.get(f"/repository/pypi-hosted/packages/acme-tool/1.0/{WHEEL.filename}").body == WHEEL.content


def test_9_errors_are_json_for_uv_and_text_for_twine(upload: Uploader) -> None:
    upload(WHEEL)
    problem = json.loads(upload(wheel("acme-tool", "1.0", payload=b"other"), accept=UV).body)
    assert problem["status"] == 400
    assert problem["title"] == "Bad Request"
    assert problem["message"] == problem["detail"]
    assert problem["message"].startswith("File already exists")


@pytest.mark.parametrize("name", ["sha256_digest", "md5_digest", "blake2_256_digest"])
def test_9_digest_mismatch_is_400_and_nothing_is_kept(upload: Uploader, name: str, tmp_path: Path) -> None:
    length = 32 if name == "md5_digest" else 64
    response = upload(WHEEL, **{name: "0" * length})
    assert response.status == 400
    assert response.text.strip() == "The digest supplied does not match a digest calculated from the uploaded file."
    assert nothing_is_left(tmp_path)


def test_9_missing_pyversion(upload: Uploader) -> None:
    assert upload(sdist("acme-tool", "1.0"), drop=("pyversion",)).status == 200
    assert upload(WHEEL, drop=("pyversion",)).status == 400


def test_9_empty_and_unknown_requires_python_is_absent(upload: Uploader, dana: Client) -> None:
    built = wheel("acme-tool", "2.0")
    assert upload(built, requires_python="").status == 200
    page = json.loads(dana.get("/repository/pypi-hosted/simple/acme-tool/", accept="application/json").body)
    assert page["files"][0].get("requires-python") is None


def test_9_both_spellings_of_import_names_and_unknown_fields(upload: Uploader) -> None:
    assert (
        upload(WHEEL, import_name="acme", import_names="acme", some_new_field="x", license_file="LICENSE").status == 200
    )


def test_9_concurrent_duplicates(server: None, dana: Client) -> None:
    content_type, body = upload_form(WHEEL)

    def send(_: int) -> int:
        return dana.post("/repository/pypi-hosted/", body, content_type=content_type).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(16))) == [200] * 16
    assert Distribution.objects.count() == 1


def test_9_concurrent_rivals_have_one_winner(server: None, dana: Client) -> None:
    rivals = [upload_form(wheel("acme-tool", "1.0", payload=bytes([number]))) for number in range(8)]

    def send(form: tuple[str, bytes]) -> int:
        return dana.post("/repository/pypi-hosted/", form[1], content_type=form[0]).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, rivals)) == [200] + [400] * 7
    assert Distribution.objects.count() == 1


def test_a_new_file_is_on_the_very_next_page(upload: Uploader, dana: Client) -> None:
    for version in ("1.0", "1.1", "1.2"):
        built = wheel("acme-tool", version)
        assert upload(built).status == 200
        assert built.filename in listed(dana, repository="pypi-all")


def test_redeploy_replaces_when_allowed(upload: Uploader, dana: Client) -> None:
    options(deployment_policy="allow")
    other = wheel("acme-tool", "1.0", payload=b"other")
    assert [upload(WHEEL).status, upload(other).status] == [200, 200]
    file = dana.get(f"/repository/pypi-hosted/packages/acme-tool/1.0/{WHEEL.filename}")
    assert file.body == other.content
    # Nobody may go on with the old bytes out of a cache.
    assert file.headers["cache-control"] == "private, no-cache"


def test_read_only_refuses_and_reads_on(upload: Uploader, dana: Client) -> None:
    upload(WHEEL)
    options(deployment_policy="read_only")
    response = upload(wheel("acme-tool", "2.0"))
    assert (response.status, response.text.strip()) == (403, "pypi-hosted is read-only")
    assert listed(dana) == [WHEEL.filename]


def test_only_those_who_may_upload(upload: Uploader, dana: Client, admin: Client, stranger: Client) -> None:
    assert upload(WHEEL, by=stranger).status == 401
    assert upload(WHEEL, by=stranger).headers["www-authenticate"].startswith("Basic realm=")
    options(upload_by="administrators")
    assert upload(WHEEL).status == 403
    assert upload(WHEEL, by=admin).status == 200


def test_a_group_takes_no_uploads(upload: Uploader, admin: Client) -> None:
    response = upload(WHEEL, repository="pypi-all", by=admin)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")
    assert "upload to a hosted repository" in response.text


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_archived_and_quarantined_projects_take_no_uploads(upload: Uploader, status: str) -> None:
    upload(WHEEL)
    Project.objects.update(status=status)
    assert upload(wheel("acme-tool", "2.0")).status == 403


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_old_actions_are_gone(upload: Uploader, action: str) -> None:
    assert upload(WHEEL, action=action).status == 410


def renamed(built: Built, filename: str) -> Built:
    return replace(built, filename=filename)


@pytest.mark.parametrize(
    "built",
    [
        pytest.param(replace(WHEEL, name="other"), id="name differs from the archive"),
        pytest.param(replace(WHEEL, version="2.0"), id="version differs from the archive"),
        pytest.param(replace(WHEEL, name="-bad-"), id="no project name"),
        pytest.param(replace(WHEEL, name=""), id="empty name"),
        pytest.param(replace(WHEEL, version="not a version"), id="no version"),
        pytest.param(replace(WHEEL, version="1." + "0" * 6000), id="endless version"),
        pytest.param(replace(WHEEL, filetype="bdist_egg"), id="egg"),
        pytest.param(replace(WHEEL, filetype="sdist", pyversion="source"), id="wheel as sdist"),
        pytest.param(renamed(WHEEL, "acme_tool-2.0-py3-none-any.whl"), id="version in the file name"),
        pytest.param(renamed(WHEEL, "other-1.0-py3-none-any.whl"), id="name in the file name"),
        pytest.param(renamed(WHEEL, "../acme_tool-1.0-py3-none-any.whl"), id="traversal"),
        pytest.param(renamed(WHEEL, "acme_tool-1.0-py3-none-any.whl%00"), id="encoded NUL"),
        pytest.param(renamed(WHEEL, "x.html"), id="html"),
        pytest.param(renamed(WHEEL, "acme_tool-1.0.exe"), id="exe"),
        pytest.param(renamed(WHEEL, "a" * 250 + "-1.0-py3-none-any.whl"), id="long name"),
        pytest.param(renamed(sdist("acme.tool", "1.0"), "acme.tool-1.0.tar.gz"), id="sdist name not normalized"),
        pytest.param(replace(WHEEL, content=b""), id="empty file"),
        pytest.param(replace(WHEEL, content=b"PK\x03\x04" + b"x" * 100), id="broken zip"),
        pytest.param(replace(WHEEL, content=WHEEL.content[:-30]), id="cut zip"),
        pytest.param(replace(WHEEL, content=WHEEL.content + b"trailing"), id="trailing data"),
        pytest.param(replace(sdist("acme-tool", "1.0"), content=b"\x1f\x8bnot gzip"), id="broken gzip"),
        pytest.param(
            replace(sdist("acme-tool", "1.0"), content=sdist("acme-tool", "1.0").content[:-20]), id="cut gzip"
        ),
    ],
)
def test_bad_uploads_are_refused_and_leave_nothing(upload: Uploader, built: Built, tmp_path: Path) -> None:
    response = upload(built)
    assert response.status == 400, response.text
    assert len(response.text.strip()) > 10
    assert str(tmp_path) not in response.text
    assert nothing_is_left(tmp_path)


def rezipped(change: Callable[[dict[str, bytes]], None]) -> Built:
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(WHEEL.content)) as archive:
        for name in archive.namelist():
            files[name] = archive.read(name)
    change(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return replace(WHEEL, content=buffer.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda files: files.pop("acme_tool-1.0.dist-info/METADATA"), id="no METADATA"),
        pytest.param(lambda files: files.update({"other-1.0.dist-info/METADATA": b"x"}), id="two METADATA"),
        pytest.param(lambda files: files.pop("acme_tool-1.0.dist-info/WHEEL"), id="no WHEEL"),
        pytest.param(lambda files: files.pop("acme_tool-1.0.dist-info/RECORD"), id="no RECORD"),
        pytest.param(lambda files: files.update({"../evil.py": b"x"}), id="member outside"),
        pytest.param(lambda files: files.update({"/evil.py": b"x"}), id="absolute member"),
        pytest.param(
            lambda files: files.update({"acme_tool-1.0.dist-info/METADATA": b"Name: x\n" * 3}), id="bad METADATA"
        ),
        pytest.param(
            lambda files: files.update({"acme_tool-1.0.dist-info/METADATA": b"x" * (60 << 20)}), id="METADATA bomb"
        ),
        pytest.param(lambda files: files.update({"bomb.bin": bytes(200 << 20)}), id="zip bomb"),
    ],
)
def test_bad_wheels_are_refused_quickly(
    upload: Uploader, change: Callable[[dict[str, bytes]], None], tmp_path: Path
) -> None:
    response = upload(rezipped(change))
    assert response.status == 400
    assert response.text.startswith(("Invalid distribution file.", "The metadata has")), response.text
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("", b""),
        (f"multipart/form-data; boundary={BOUNDARY}", b""),
        (f"multipart/form-data; boundary={BOUNDARY}", upload_form(WHEEL)[1][:-100]),
        (f"multipart/form-data; boundary={BOUNDARY}", b"\x00" * 1000),
        (f"multipart/form-data; boundary={'b' * 500}", upload_form(WHEEL)[1]),
        ("application/x-www-form-urlencoded", b":action=file_upload"),
    ],
)
def test_bad_bodies_are_refused(dana: Client, content_type: str, body: bytes, tmp_path: Path) -> None:
    response = dana.post("/repository/pypi-hosted/", body, content_type=content_type)
    assert response.status == 400, response.text
    assert nothing_is_left(tmp_path)


def test_no_content(upload: Uploader) -> None:
    response = upload(WHEEL, drop=("content",))
    assert (response.status, response.text.strip()) == (400, "Upload payload does not have a file.")


def attestation(filename: str, sha256: str) -> str:
    statement = json.dumps({"_type": "x", "subject": [{"name": filename, "digest": {"sha256": sha256}}]})
    envelope = {"statement": base64.b64encode(statement.encode()).decode(), "signature": "c2ln"}
    return json.dumps([{"version": 1, "verification_material": {"certificate": "Y2VydA=="}, "envelope": envelope}])


def test_attestations_are_kept_and_served_as_provenance(upload: Uploader, dana: Client) -> None:
    assert upload(WHEEL, attestations=attestation(WHEEL.filename, WHEEL.sha256)).status == 200
    page = json.loads(dana.get("/repository/pypi-all/simple/acme-tool/", accept="application/json").body)
    url = page["files"][0]["provenance"]
    assert url == f"https://packages.example/repository/pypi-all/packages/acme-tool/1.0/{WHEEL.filename}.provenance"
    provenance = json.loads(dana.get(f"/repository/pypi-all/packages/acme-tool/1.0/{WHEEL.filename}.provenance").body)
    assert provenance["version"] == 1
    assert provenance["attestation_bundles"][0]["attestations"][0]["envelope"]["signature"] == "c2ln"
    assert dana.get(f"/repository/pypi-all/integrity/acme-tool/1.0/{WHEEL.filename}/provenance").status == 200


@pytest.mark.parametrize("text", ["[0]", "{}", "[1]", "not json", "[" * 5000, attestation("other.whl", WHEEL.sha256),
                                  attestation(WHEEL.filename, "0" * 64)])  # fmt: skip
def test_attestations_about_something_else_are_refused(upload: Uploader, text: str, tmp_path: Path) -> None:
    response = upload(WHEEL, attestations=text)
    assert response.status == 400
    assert response.text.startswith("Invalid attestations supplied during upload")
    assert nothing_is_left(tmp_path)


def test_a_repository_deleted_during_an_upload_is_404(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deleted_meanwhile(**facts: Any) -> bool:
        for name in ("pypi-all", "pypi-hosted"):
            Repository.objects.filter(name=name).delete()
        return keep_upload(**facts)

    monkeypatch.setattr(pypi_hosted, "keep_upload", deleted_meanwhile)
    response = upload(WHEEL)
    assert (response.status, response.text) == (404, "The repository was deleted during the upload; nothing was kept\n")
    assert nothing_is_left(tmp_path)


def test_control_characters_of_a_summary_are_not_kept(upload: Uploader) -> None:
    assert upload(wheel("acme-tool", "1.0", summary="A\0 tool")).status == 200
    assert "\0" not in Project.objects.get(name="acme-tool").summary
