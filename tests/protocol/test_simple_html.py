"""HTML pages, clause by clause: PEP 503, 592, 629, 658/714, 740, 792, 833."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repositories.domain.errors import UpstreamInvalid
from repositories.domain.names import normalize
from repositories.domain.page import ProjectList, ProjectPage, ProjectStatus
from repositories.protocol import simple_html, simple_json
from tests.protocol.pages import PAGE, PROJECT, WHEEL, A, C, file_url

BASE = "https://index.example/simple/holygrail/"
NAME = "holygrail-1.0.tar.gz"


def parse(body: str | bytes, base: str = BASE) -> ProjectPage:
    return simple_html.parse_project(body.encode() if isinstance(body, str) else body, base, PROJECT)


def only_file(attributes: str = "", href: str = NAME, text: str = NAME, head: str = ""):
    (file,) = parse(f'<html><head>{head}</head><a href="{href}" {attributes}>{text}</a></html>').files
    return file


# Rendering


def test_pep503_project_page_has_exactly_these_bytes():
    url = "../../packages/holygrail/1.0/holygrail-1.0-py3-none-any.whl"
    assert simple_html.render_project(PAGE, file_url).decode() == (
        "<!DOCTYPE html>\n<html><head>\n"
        '<meta name="pypi:repository-version" content="1.4">\n'
        '<meta name="pypi:project-status" content="archived">\n'
        '<meta name="pypi:project-status-reason" content="moved &lt;away&gt;">\n'
        "<title>Links for HolyGrail</title></head><body><h1>Links for HolyGrail</h1>\n"
        f'<a href="{url}#sha256={A}" data-requires-python="&gt;=3.9,&lt;4" data-dist-info-metadata="sha256={C}" '
        f'data-core-metadata="sha256={C}" data-provenance="{url}.provenance">holygrail-1.0-py3-none-any.whl</a><br>\n'
        '<a href="../../packages/holygrail/0.9%2Blocal/holygrail-0.9%2Blocal.tar.gz" '
        'data-yanked="broken &quot;&lt;&amp;">holygrail-0.9+local.tar.gz</a><br>\n'
        "</body></html>\n"
    )


def test_pep592_yanked_without_a_reason_is_an_empty_attribute():
    page = replace(PAGE, files=(WHEEL.changed(yanked=True),))
    assert b' data-yanked=""' in simple_html.render_project(page, file_url)


def test_pep792_quarantined_project_offers_no_links():
    page = replace(PAGE, status=ProjectStatus(status="quarantined"))
    body = simple_html.render_project(page, file_url)
    assert b"<a " not in body
    assert b'<meta name="pypi:project-status" content="quarantined">' in body


def test_pep503_root_page_has_relative_links_with_a_slash():
    listing = ProjectList(projects={normalize("My.Pkg"): "My.Pkg"})
    assert b"".join(simple_html.render_root(listing)) == (
        b'<!DOCTYPE html>\n<html><head>\n<meta name="pypi:repository-version" content="1.4">\n'
        b'<title>Simple index</title></head><body>\n<a href="my-pkg/">My.Pkg</a><br>\n</body></html>\n'
    )


def test_t08_markup_in_values_stays_text():
    file = WHEEL.changed(filename='"><script>.whl', requires_python='"><script>', yanked="<script>")
    body = simple_html.render_project(replace(PAGE, name="<script>", files=(file,)), file_url)
    assert b"<script>" not in body


def test_checklist_4_html_and_json_list_the_same_files():
    html = simple_html.parse_project(simple_html.render_project(PAGE, file_url), BASE, PROJECT)
    json = simple_json.parse_project(simple_json.render_project(PAGE, file_url), BASE, PROJECT)

    def common(page: ProjectPage) -> list:
        return [
            (f.filename, f.version, f.requires_python, f.yanked, f.core_metadata, f.location, f.hashes.get("sha256"))
            for f in page.files
        ]

    assert common(html) == common(json)
    assert html.status == json.status == PAGE.status


# Parsing


def test_pep503_hash_in_the_fragment_and_address_without_it():
    file = only_file(href=f"{NAME}#sha256={A.upper()}&amp;egg=holygrail")
    assert file.hashes == {"sha256": A}
    assert file.location.upstream_url == f"https://index.example/simple/holygrail/{NAME}"
    assert (file.size, file.upload_time, file.version) == (None, None, "1.0")


@pytest.mark.parametrize("fragment", ["sha256=zz", "md6=abc", "nothing", "=", "sha256"])
def test_unusable_fragments_give_no_hash(fragment):
    assert only_file(href=f"{NAME}#{fragment}").hashes == {}


@pytest.mark.parametrize(
    ("base", "href", "expected"),
    [
        ("https://cdn.example/root/", "x/" + NAME, f"https://cdn.example/root/x/{NAME}"),
        ("/other/", NAME, f"https://index.example/other/{NAME}"),
        ("file:///etc/", NAME, f"https://index.example/simple/holygrail/{NAME}"),
        ("javascript:1", NAME, f"https://index.example/simple/holygrail/{NAME}"),
        ("https://cdn.example/", "https://files.example/" + NAME, f"https://files.example/{NAME}"),
        ("https://cdn.example/", "//files.example/" + NAME, f"https://files.example/{NAME}"),
    ],
)
def test_checklist_11_base_href_counts_when_it_is_http(base, href, expected):
    assert only_file(href=href, head=f'<base href="{base}">').location.upstream_url == expected


def test_checklist_11_base_is_the_address_after_redirects():
    page = parse(f'<a href="../../f/{NAME}">{NAME}</a>', "https://moved.example/a/b/c/")
    assert page.files[0].location.upstream_url == f"https://moved.example/a/f/{NAME}"


def test_name_comes_from_the_address_when_the_text_is_shortened():
    assert only_file(text="holygrail-1.0.ta..&gt;").filename == NAME


def test_name_comes_from_the_text_when_the_address_is_a_script():
    file = only_file(href="/download?id=7")
    assert (file.filename, file.location.upstream_url) == (NAME, "https://index.example/download?id=7")


def test_quoted_plus_in_the_address_is_a_plus_in_the_name():
    file = only_file(href="holygrail-1.0%2Bcpu-py3-none-any.whl")
    assert (file.filename, file.version) == ("holygrail-1.0+cpu-py3-none-any.whl", "1.0+cpu")
    assert file.location.upstream_url.endswith("/holygrail-1.0%2Bcpu-py3-none-any.whl")


@pytest.mark.parametrize("href", ["..%2F..%2Fevil.tar.gz", "a%00.tar.gz", "%0d%0aX.tar.gz", "a%5Cb.tar.gz"])
def test_t05_names_that_hide_separators_are_left_out(href):
    page = parse(f'<a href="{href}">evil.tar.gz</a><a href="{NAME}">{NAME}</a>')
    assert [file.filename for file in page.files] == [NAME]


@pytest.mark.parametrize(
    "href", [f"file:///x/{NAME}", f"ftp://x.example/{NAME}", f"javascript:{NAME}", f"data:x/{NAME}"]
)
def test_links_that_are_not_http_are_left_out(href):
    page = parse(f'<meta name="pypi:repository-version" content="1.0"><a href="{href}">{NAME}</a>')
    assert page.files == ()


def test_directory_listing_links_are_left_out():
    page = parse(f'<a href="?C=N;O=D">Name</a><a href="/">Parent Directory</a><a href="{NAME}">{NAME}</a>')
    assert [file.filename for file in page.files] == [NAME]


def test_pep503_requires_python_is_unescaped():
    assert only_file('data-requires-python="&gt;=3.8, &lt;4"').requires_python == ">=3.8, <4"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [("", False), ("data-yanked", True), ('data-yanked=""', True), ('data-yanked="bad &amp; old"', "bad & old")],
)
def test_pep592_yanked_is_read(attributes, expected):
    assert only_file(attributes).yanked == expected


@pytest.mark.parametrize("key", ["data-core-metadata", "data-dist-info-metadata"])
def test_pep714_both_spellings_of_core_metadata_are_read(key):
    assert only_file(f'{key}="sha256={C}"').core_metadata == {"sha256": C}
    assert only_file(f'{key}="true"').core_metadata == {}
    assert only_file(f'{key}="false"').core_metadata is None
    assert only_file().core_metadata is None


def test_pep740_provenance_address_is_read():
    file = only_file('data-provenance="/integrity/x"')
    assert (file.provenance, file.location.provenance_url) == (True, "https://index.example/integrity/x")
    assert only_file().provenance is None


def test_pep792_status_metas_are_read():
    head = (
        '<meta name="pypi:project-status" content="deprecated"><meta name="pypi:project-status-reason" content="use x">'
    )
    page = parse(f'<head>{head}</head><a href="{NAME}">{NAME}</a>')
    assert page.status == ProjectStatus(status="deprecated", reason="use x")


def test_pep792_files_of_a_quarantined_project_are_dropped():
    page = parse(f'<meta name="pypi:project-status" content="quarantined"><a href="{NAME}">{NAME}</a>')
    assert (page.files, page.status.status) == ((), "quarantined")


def test_pep629_unknown_major_version_is_refused():
    with pytest.raises(UpstreamInvalid, match=r"speaks version 2\.0"):
        parse(f'<meta name="pypi:repository-version" content="2.0"><a href="{NAME}">{NAME}</a>')


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><body><form><input type=password></form><a href='/help'>Help</a></body></html>",
        "<html><a href='/download/agent-installer.exe'>Download</a></html>",
        "<html><a href='/tools/other.tar.gz'>tool</a></html>",
        "502 Bad Gateway",
        b"\x00\xff\xfe",
    ],
)
def test_t07_pages_that_are_no_index_are_refused(body):
    with pytest.raises(UpstreamInvalid, match="not a project page"):
        parse(body)


@pytest.mark.parametrize(
    "body", ["<h1>Links for holygrail</h1>", '<meta name="pypi:repository-version" content="1.0"><title>x</title>']
)
def test_empty_project_pages_are_pages(body):
    assert parse(body).files == ()


def test_root_page_takes_names_from_links():
    body = (
        b'<a href="/simple/my-pkg/">My.Pkg</a><a href="b/">b/</a><a href="../">Parent Directory</a>'
        b'<a href="c">wrong text</a><a href="https://x.example/">x</a>'
    )
    assert simple_html.parse_root(body) == {"my-pkg": "My.Pkg", "b": "b", "c": "c"}


@pytest.mark.parametrize("body", [b"", b"<p>hello", b'<input type="password"><a href="/login">login</a>'])
def test_t07_root_pages_that_are_no_index_are_refused(body):
    with pytest.raises(UpstreamInvalid):
        simple_html.parse_root(body)


def test_own_empty_root_page_is_read():
    assert simple_html.parse_root(b"".join(simple_html.render_root(ProjectList(projects={})))) == {}


def test_t22_reading_time_grows_no_faster_than_the_page():
    def seconds(count: int) -> float:
        body = "".join(f'<div><a href="holygrail-1.{i}.tar.gz">x' for i in range(count)).encode()
        return min(_timed(body) for _ in range(3))

    assert seconds(8_000) < 10 * max(seconds(2_000), 0.002)


def _timed(body: bytes) -> float:
    started = time.thread_time()  # what others do on the machine must not count
    parse(body)
    return time.thread_time() - started


PIECES = st.sampled_from(
    [
        "<a href=",
        '"',
        "'",
        "<base href=",
        "<meta name=pypi:project-status content=",
        ">",
        "holygrail-1.0.tar.gz",
        "#sha256=",
        "\x00",
        "</a>",
        "<!--",
        "&#0;",
        "&#xD800;",
        "http://[",
        "data-yanked",
        "data-core-metadata=",
        "\ud55c",
        "<svg>",
        "//",
        "%zz",
        " ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES | st.text(max_size=5), max_size=30), raw=st.binary(max_size=10))
def test_t22_reader_raises_only_what_it_documents_and_its_page_can_be_rendered(pieces, raw):
    body = "".join(pieces).encode("utf-8", "surrogatepass") + raw
    for read in (parse, simple_html.parse_root):
        try:
            result = read(body)
        except UpstreamInvalid:
            continue
        if isinstance(result, ProjectPage):
            simple_html.render_project(result, file_url)
            simple_json.render_project(result, file_url)


def test_a_list_larger_than_one_part_is_read_whole():
    names = [f"project-{number}" for number in range(60_000)]
    body = b"<html><body>" + b"".join(f'<a href="{name}/">{name}</a>\n'.encode() for name in names) + b"</body></html>"
    assert len(body) > 2 * 1024 * 1024
    assert list(simple_html.parse_root(body)) == names
