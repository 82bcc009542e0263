"""The simple API over a hosted repository and its group. Names follow the conformance checklist (items 1 to 8)."""

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import zstandard

from repositories.dataplane.knowledge import knowledge
from tests.asgi_client import Client, Response
from tests.distributions import sdist, wheel

JSON = "application/vnd.pypi.simple.v1+json"
V1HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {V1HTML}; q=0.1, text/html; q=0.01"
UPLOAD_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")
WHEEL = wheel("My.Pkg", "1.0", requires_python=">=3.9", requires_dist=["six"])
SDIST = sdist("My.Pkg", "1.0")
LOCAL = wheel("My.Pkg", "1.0+cu121")


@pytest.fixture(params=["pypi-hosted", "pypi-all"])
def root(request: pytest.FixtureRequest, upload: Callable[..., Response]) -> str:
    """The root of a repository that has My.Pkg with a wheel, an sdist and a wheel of a local version."""
    for built in (WHEEL, SDIST, LOCAL):
        assert upload(built).status == 200
    return f"/repository/{request.param}"


def anchors(html: str) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}

    class Reader(HTMLParser):
        attributes: dict[str, str | None] | None = None

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.attributes = dict(attrs) if tag == "a" else None

        def handle_data(self, data: str) -> None:
            if self.attributes is not None:
                found[data] = self.attributes
                self.attributes = None

    Reader().feed(html)
    return found


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/simple", "/simple/"),
        ("/simple/my-pkg", "/simple/my-pkg/"),
        ("/simple/My.Pkg/", "/simple/my-pkg/"),
        ("/simple/my_pkg/?format=x", "/simple/my-pkg/?format=x"),
        ("/+simple/My_Pkg/", "/+simple/my-pkg/"),
        ("/pypi/My.Pkg/json", "/pypi/my-pkg/json"),
    ],
)
def test_1_redirects_keep_the_repository_and_the_query(dana: Client, root: str, path: str, location: str) -> None:
    response = dana.get(root + path)
    assert response.status == 301
    assert response.headers["location"] == root + location


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        (PIP, JSON),
        (f"{JSON}, */*;q=0.1", JSON),
        (f"{JSON};q=0, text/html", "text/html; charset=utf-8"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", f"{V1HTML}; charset=utf-8"),
        (V1HTML, f"{V1HTML}; charset=utf-8"),
        ("application/json", JSON),
        ("image/png", None),
        (f"{JSON};q=0", None),
    ],
)
def test_2_negotiation(dana: Client, root: str, accept: str | None, expected: str | None) -> None:
    headers = {} if accept is None else {"accept": accept}
    response = dana.get(f"{root}/simple/my-pkg/", **headers)
    if expected is None:
        assert response.status == 406
        assert JSON in response.text
    else:
        assert (response.status, response.headers["content-type"]) == (200, expected)


def test_2_format_in_the_query_wins(dana: Client, root: str) -> None:
    assert dana.get(f"{root}/simple/my-pkg/?format={JSON.replace('+', '%2B')}").headers["content-type"] == JSON
    assert dana.get(f"{root}/simple/my-pkg/?format=nonsense").status == 406


def test_3_etag_and_vary_by_representation(dana: Client, root: str) -> None:
    seen = set()
    for accept, encoding in [(PIP, "identity"), ("text/html", "identity"), (PIP, "gzip"), (PIP, "zstd")]:
        response = dana.get(f"{root}/simple/my-pkg/", accept=accept, accept_encoding=encoding)
        assert response.headers["vary"] == "Accept, Accept-Encoding, Authorization"
        seen.add(response.headers["etag"])
        again = dana.get(
            f"{root}/simple/my-pkg/",
            accept=accept,
            accept_encoding=encoding,
            if_none_match=f'"x", W/{response.headers["etag"]}',
        )
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == response.headers["etag"]
        assert again.headers["cache-control"] == "private, no-cache"
        assert again.headers["vary"] == response.headers["vary"]
    assert len(seen) == 4


def test_3_encodings_hold_the_same_bytes(dana: Client, root: str) -> None:
    plain = dana.get(f"{root}/simple/my-pkg/", accept=PIP)
    packed = dana.get(f"{root}/simple/my-pkg/", accept=PIP, accept_encoding="gzip, deflate")
    zstd = dana.get(f"{root}/simple/my-pkg/", accept=PIP, accept_encoding="gzip, zstd")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert zstd.headers["content-encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompress(zstd.body) == plain.body


def test_4_json_has_every_mandatory_key(dana: Client, root: str) -> None:
    page = json.loads(dana.get(f"{root}/simple/my-pkg/", accept=JSON).body)
    assert page["meta"]["api-version"] == "1.4"
    assert page["name"] in ("my-pkg", "My.Pkg")
    assert page["project-status"] == {"status": "active"}
    assert sorted(page["versions"]) == ["1.0", "1.0+cu121"]
    files = {file["filename"]: file for file in page["files"]}
    assert set(files) == {WHEEL.filename, SDIST.filename, LOCAL.filename}
    for built in (WHEEL, SDIST, LOCAL):
        file = files[built.filename]
        assert file["hashes"]["sha256"] == built.sha256
        assert next(iter(file["hashes"])) == "sha256"
        assert file["size"] == len(built.content)
        assert UPLOAD_TIME.match(file["upload-time"])
        assert file["yanked"] is False
    wheel_entry = files[WHEEL.filename]
    assert wheel_entry["requires-python"] == ">=3.9"
    for key in ("core-metadata", "dist-info-metadata", "data-dist-info-metadata"):
        assert wheel_entry[key] == {"sha256": WHEEL.metadata_sha256}
    assert not files[SDIST.filename].get("core-metadata")
    assert "%2B" in files[LOCAL.filename]["url"]


def test_4_html_lists_the_same_files(dana: Client, root: str) -> None:
    page = json.loads(dana.get(f"{root}/simple/my-pkg/", accept=JSON).body)
    html = dana.get(f"{root}/simple/my-pkg/", accept="text/html").text
    found = anchors(html)
    assert set(found) == {file["filename"] for file in page["files"]}
    assert found[WHEEL.filename]["href"] == f"../../packages/my-pkg/1.0/{WHEEL.filename}#sha256={WHEEL.sha256}"
    assert found[WHEEL.filename]["data-requires-python"] == ">=3.9"
    assert "&gt;=3.9" in html
    assert found[WHEEL.filename]["data-core-metadata"] == f"sha256={WHEEL.metadata_sha256}"
    assert '<meta name="pypi:repository-version" content="1.4">' in html


def test_4_root_lists(dana: Client, root: str) -> None:
    page = json.loads(dana.get(f"{root}/simple/", accept=JSON).body)
    assert [project["name"].lower().replace(".", "-") for project in page["projects"]] == ["my-pkg"]
    assert 'href="my-pkg/"' in dana.get(f"{root}/simple/").text


def test_unknown_project_is_404_and_not_kept_by_clients(dana: Client, root: str) -> None:
    response = dana.get(f"{root}/simple/unknown/", accept=PIP)
    assert response.status == 404
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/problem+json"


def test_5_metadata_is_the_wheels_own_and_matches_its_digest(dana: Client, root: str) -> None:
    response = dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}.metadata")
    assert response.status == 200
    assert response.body == WHEEL.metadata
    assert hashlib.sha256(response.body).hexdigest() == WHEEL.metadata_sha256


def test_5_no_metadata_for_an_sdist_and_the_same_rights_as_the_file(dana: Client, stranger: Client, root: str) -> None:
    assert dana.get(f"{root}/packages/my-pkg/1.0/{SDIST.filename}.metadata").status == 404
    assert stranger.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}.metadata").status == 401
    assert stranger.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}").status == 401


def test_6_head_says_what_get_says(dana: Client, root: str) -> None:
    for path in (f"/packages/my-pkg/1.0/{WHEEL.filename}", "/simple/my-pkg/", "/simple/"):
        got, head = dana.get(root + path), dana.head(root + path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers == got.headers
    file = dana.head(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}")
    assert file.headers["content-length"] == str(len(WHEEL.content))
    assert file.headers["accept-ranges"] == "bytes"
    assert file.headers["etag"] == f'"sha256:{WHEEL.sha256}"'
    assert file.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}").body == WHEEL.content


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=0-0", 0, 0)],
)
def test_6_ranges(dana: Client, root: str, header: str, first: int, last: int | None) -> None:
    response = dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}", range=header)
    expected = WHEEL.content[first : None if last is None else last + 1]
    assert (response.status, response.body) == (206, expected)
    size = len(WHEEL.content)
    start = first % size
    assert response.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{size}"
    assert response.headers["content-length"] == str(len(expected))


def test_6_unsatisfiable_several_and_conditional_ranges(dana: Client, root: str) -> None:
    path = f"{root}/packages/my-pkg/1.0/{WHEEL.filename}"
    outside = dana.get(path, range=f"bytes={len(WHEEL.content)}-")
    assert (outside.status, outside.headers["content-range"]) == (416, f"bytes */{len(WHEEL.content)}")
    assert dana.get(path, range="bytes=0-1,3-4").status == 200
    etag = f'"sha256:{WHEEL.sha256}"'
    assert dana.get(path, range="bytes=0-1", if_range=etag).status == 206
    assert dana.get(path, range="bytes=0-1", if_range='"sha256:other"').status == 200
    assert dana.get(path, if_none_match=etag).status == 304
    modified = dana.get(path).headers["last-modified"]
    assert dana.get(path, range="bytes=0-1", if_range=modified).status == 206
    assert dana.get(path, if_modified_since=modified).status == 304


def test_7_artifacts_are_never_encoded(dana: Client, root: str) -> None:
    for suffix in ("", ".metadata"):
        response = dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}{suffix}", accept_encoding="gzip, zstd")
        assert "content-encoding" not in response.headers


def test_8_plus_raw_and_encoded_are_the_same_file(dana: Client, root: str) -> None:
    raw = f"{root}/packages/my-pkg/1.0+cu121/{LOCAL.filename}"
    assert dana.get(raw).body == LOCAL.content
    assert dana.get(raw.replace("+", "%2B")).body == LOCAL.content


@pytest.mark.parametrize(
    "path",
    [
        "/packages/my-pkg/1.0/..%2F..%2Fx.whl",
        "/packages/my-pkg/1.0/%2e%2e",
        "/packages/../../../etc/passwd",
        "/packages/my-pkg/1.0/x%00.whl",
        "/packages/my-pkg/1.0/x%5cy.whl",
        "/packages/my-pkg/1.0/%20x.whl",
        "/packages/my-pkg/1.0/x%0d%0aSet-Cookie:a.whl",
        "/packages/my-pkg/1.0/" + "x" * 300 + ".whl",
        "/packages/%ff/1.0/x.whl",
        "/simple/..%2f..%2fetc/",
        "/simple/a%2fb/",
        "/simple/-bad-/",
        "/simple/" + "a" * 5000 + "/",
        "/simple/a%0a/",
    ],
)
def test_8_paths_nobody_means_are_refused(dana: Client, root: str, path: str) -> None:
    response = dana.get(root + path)
    assert response.status == 400, response.text
    assert not any("\r" in value or "\n" in value for value in response.headers.values())


def test_json_api(dana: Client, root: str) -> None:
    page = json.loads(dana.get(f"{root}/pypi/my-pkg/json").body)
    assert page["info"]["name"] == "My.Pkg"
    assert page["info"]["version"] == "1.0+cu121"
    assert set(page["releases"]) == {"1.0", "1.0+cu121"}
    url = page["releases"]["1.0+cu121"][0]["url"]
    assert url == f"https://packages.example{root}/packages/my-pkg/1.0%2Bcu121/{LOCAL.filename.replace('+', '%2B')}"
    release = json.loads(dana.get(f"{root}/pypi/my-pkg/1.0/json").body)
    assert release["info"]["requires_dist"] == ["six"]
    assert release["info"]["requires_python"] == ">=3.9"
    assert {file["filename"] for file in release["urls"]} == {WHEEL.filename, SDIST.filename}
    assert dana.get(f"{root}/pypi/my-pkg/9.9/json").status == 404
    assert dana.get(f"{root}/pypi/unknown/json").status == 404


def test_wrong_methods_say_what_is_here(dana: Client, root: str) -> None:
    for method, path in [
        ("GET", "/"),
        ("GET", ""),
        ("PUT", "/simple/my-pkg/"),
        ("POST", "/simple/my-pkg/"),
        ("TRACE", "/"),
    ]:
        response = dana.request(method, root + path)
        assert response.status == 405, (method, path)
        assert "allow" in response.headers
    assert f"{root}/simple/" in dana.get(f"{root}/").text


def test_content_cannot_run_in_a_browser(dana: Client, root: str) -> None:
    response = dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_what_an_answer_that_must_be_made_costs_in_queries(dana: Client, root: str, pool_queries: list[str]) -> None:
    group = root.endswith("pypi-all")
    for path, expected in [
        # [group: who owns it,] project, files
        ("/simple/my-pkg/", 3 if group else 2),
        (f"/packages/my-pkg/1.0/{WHEEL.filename}", 3 if group else 2),
        # projects
        ("/simple/", 1),
    ]:
        dana.get(root + path)
        dana.get(root + path)  # sees that the use of the token was written down
        knowledge.answers.clear()
        pool_queries.clear()
        assert dana.get(root + path).status == 200
        assert len(pool_queries) == expected, pool_queries


@pytest.mark.parametrize(
    "moment", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"]
)
def test_a_condition_with_a_moment_beyond_all_numbers_counts_as_not_asked(dana: Client, root: str, moment: str) -> None:
    response = dana.get(f"{root}/packages/my-pkg/1.0/{WHEEL.filename}", if_modified_since=moment)
    assert (response.status, response.body) == (200, WHEEL.content)


def test_a_query_with_too_many_parameters_is_refused(dana: Client, root: str) -> None:
    query = "&".join(f"a={number}" for number in range(51))
    response = dana.get(f"{root}/simple/?{query}")
    assert (response.status, response.text) == (400, "The query has more than 50 parameters\n")
