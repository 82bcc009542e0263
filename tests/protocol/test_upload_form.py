"""The upload form as it arrives, piece by piece: standards §6.1, checklist item 9, body abuse (T25)."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repositories.domain.errors import Gone, InvalidRequest, TooLarge
from repositories.protocol.upload_form import FormLimits, ReceivedForm, UploadForm, read_form

TYPE = "multipart/form-data; boundary=BOUND"
FILENAME = "demo_pkg-1.0-py3-none-any.whl"
FIELDS = (
    (":action", "file_upload"),
    ("protocol_version", "1"),
    ("metadata_version", "2.4"),
    ("name", "Demo.Pkg"),
    ("version", "1.0"),
    ("filetype", "bdist_wheel"),
    ("pyversion", "py3"),
)


class Sink:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def field(name: str, value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return f'--BOUND\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + raw + b"\r\n"


def file_part(
    data: bytes = b"bytes", parameters: str = f'filename="{FILENAME}"', name: str = "content", more: str = ""
) -> bytes:
    head = f'--BOUND\r\nContent-Disposition: form-data; name="{name}"; {parameters}\r\n{more}'
    return head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n"


END = b"--BOUND--\r\n"


def body(*parts: bytes, fields=FIELDS) -> bytes:
    return b"".join(field(*pair) for pair in fields) + b"".join(parts) + END


def receive(data: bytes, step: int = 7, content_type: str = TYPE, **limits) -> tuple[ReceivedForm, list[str]]:
    names: list[str] = []

    def begin(filename: str) -> Sink:
        names.append(filename)
        return Sink()

    form = UploadForm(content_type, begin, FormLimits(**limits))
    for start in range(0, len(data), step):
        form.feed(data[start : start + step])
    return form.finish(), names


def refused(data: bytes, error=InvalidRequest, **kwargs) -> str:
    with pytest.raises(error) as caught:
        receive(data, **kwargs)
    return caught.value.detail


@pytest.mark.parametrize("step", [1, 2, 13, 100_000])
@pytest.mark.parametrize("content", [b"", b"bytes", b"\r\n--BOUN\r\n--BOUNX\r\n-", bytes(range(256)) * 30])
def test_content_reaches_the_sink_whole_however_the_body_is_cut(step, content):
    form, names = receive(body(file_part(content)), step)
    assert form.sink.data == content
    assert names == [form.filename] == [FILENAME]
    assert form.fields == {name: [value] for name, value in FIELDS}


def test_content_may_come_first():
    data = file_part(b"bytes") + body()
    form, _ = receive(data)
    assert form.sink.data == b"bytes"
    assert form.fields["name"] == ["Demo.Pkg"]


def test_other_files_are_read_and_forgotten():
    form, names = receive(body(file_part(b"sig", 'filename="x.asc"', "gpg_signature"), file_part()))
    assert "gpg_signature" not in form.fields
    assert names == [FILENAME]


def test_text_after_the_end_is_ignored():
    form, _ = receive(body(file_part()) + b"epilogue")
    assert form.filename == FILENAME


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        (f"filename={FILENAME}", FILENAME),
        ("filename*=utf-8''demo_pkg-1.0%2Blocal.tar.gz", "demo_pkg-1.0+local.tar.gz"),
        ("filename=\"a.whl\"; filename*=utf-8''b.whl", "a.whl"),
    ],
)
def test_spellings_of_the_file_name(parameters, filename):
    form, _ = receive(body(file_part(parameters=parameters)))
    assert form.filename == filename


@pytest.mark.parametrize(
    "parameters",
    [
        'filename="dist/a.whl"',
        'filename="../a.whl"',
        'filename="..\\\\a.whl"',
        'filename=""',
        'filename="a\x00.whl"',
        "filename*=utf-8''..%2Fa.whl",
        "filename*=utf-8''a%0d%0aSet-Cookie:x.whl",
        "filename*=utf-8''%ff.whl",
        "filename*=utf-7''a.whl",
        'filename="' + "a" * 300 + '.whl"',
    ],
)
def test_t05_t19_bad_file_names_are_refused_before_anything_is_stored(parameters):
    names: list[str] = []
    form = UploadForm(TYPE, lambda name: names.append(name) or Sink())
    with pytest.raises(InvalidRequest):
        form.feed(body(file_part(parameters=parameters)))
    assert names == []


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=" + "x" * 300,
        "multipart/form-data; boundary=€",
    ],
)
def test_t25_other_content_types_are_refused(content_type):
    with pytest.raises(InvalidRequest, match="multipart/form-data with a boundary"):
        UploadForm(content_type, lambda name: Sink())


def test_t25_bodies_cut_off_anywhere_are_refused():
    data = body(file_part())
    for end in range(len(data) - 3):
        refused(data[:end])


@pytest.mark.parametrize(
    "data",
    [
        b"no form at all",
        b"--BOUND\r\n\r\nx\r\n--BOUND--\r\n",
        b"--BOUND\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--BOUND--\r\n",
        b"--BOUND\r\nContent-Disposition: form-data\r\n\r\nx\r\n--BOUND--\r\n",
        b'--BOUND\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--BOUND--\r\n',
        b'--BOUND\r\nContent Disposition: form-data; name="a"\r\n\r\nx\r\n--BOUND--\r\n',
        body(field("comment", b"\xff")),
        body(file_part(more="Content-Transfer-Encoding: base64\r\n")),
    ],
)
def test_t25_malformed_bodies_are_refused(data):
    assert refused(data)


def test_two_contents_are_refused():
    assert refused(body(file_part(), file_part())) == "The upload has two files; send one file per upload"


def test_content_without_a_file_name_is_refused():
    assert refused(body(field("content", "x"))) == "Upload payload does not have a file."


def test_single_value_field_given_twice_is_refused():
    assert refused(body(field("name", "other"))) == "Field 'name' is given twice"


def test_repeated_fields_are_kept_in_order_even_when_unknown():
    form, _ = receive(
        body(field("classifiers", "b"), field("classifiers", "a"), field("new", "1"), field("new", "2"), file_part())
    )
    assert form.fields["classifiers"] == ["b", "a"]
    assert form.fields["new"] == ["1", "2"]


@pytest.mark.parametrize(
    ("parts", "limits", "message"),
    [
        ([field("description", "x" * 101)], {"field": 100}, "Field 'description' is larger than 0 KiB"),
        (
            [field("a", "x" * 60), field("b", "x" * 60)],
            {"fields_total": 150},
            "The fields are larger than 0 KiB together",
        ),
        ([field("a", "")] * 10, {"fields": 10}, "The upload has more than 10 fields"),
        (
            [file_part(b"x" * 101, name="gpg_signature")],
            {"discarded": 100},
            "The upload has other files than its content, and they are too large",
        ),
        ([file_part(bytes(2**20 + 1))], {"content": 2**20}, "File too large. The limit is 1 MB."),
    ],
)
def test_t25_limits(parts, limits, message):
    assert refused(body(*parts), TooLarge, step=1000, **limits) == message


def test_errors_of_the_sink_come_out_as_they_are_and_end_the_upload():
    class Full:
        def write(self, data: bytes) -> None:
            raise TooLarge("full")

    form = UploadForm(TYPE, lambda name: Full())
    with pytest.raises(TooLarge, match="full"):
        form.feed(body(file_part()))
    with pytest.raises(InvalidRequest, match="already been refused"):
        form.feed(b"more")
    with pytest.raises(InvalidRequest, match="cut off"):
        form.finish()


@settings(max_examples=200, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=4),
    step=st.integers(1, 500),
)
def test_t25_parser_raises_only_what_it_documents(damage, step):
    data = bytearray(body(file_part()))
    for position, value in damage:
        position %= len(data)
        data[position : position + len(value)] = value
    with contextlib.suppress(InvalidRequest, TooLarge, Gone):
        read_form(receive(bytes(data), step)[0])


# From the form to values


def read(*changes: tuple[str, str], drop: tuple[str, ...] = (), content: bool = True):
    changed = dict(changes)
    fields = [(name, changed.pop(name, value)) for name, value in FIELDS if name not in drop]
    data = body(*([file_part()] if content else []), fields=[*fields, *changed.items()])
    return read_form(receive(data)[0])


def test_values_of_an_upload():
    upload = read(("attestations", '[{"version":1}]'))
    assert (upload.project, upload.display_name, upload.version) == ("demo-pkg", "Demo.Pkg", "1.0")
    assert (upload.filetype, upload.pyversion, upload.filename) == ("bdist_wheel", "py3", FILENAME)
    assert upload.attestations == '[{"version":1}]'
    assert upload.sink.data == b"bytes"


def test_checklist_9_missing_pyversion_of_an_sdist_is_source():
    assert read(("filetype", "sdist"), drop=("pyversion",)).pyversion == "source"
    assert read(drop=("pyversion",)).pyversion == ""


@pytest.mark.parametrize("value", ["", "  ", "UNKNOWN"])
def test_checklist_9_empty_and_unknown_values_are_absent(value):
    upload = read(("requires_python", value), ("attestations", value))
    assert "requires_python" not in upload.fields
    assert upload.attestations == ""


@pytest.mark.parametrize("name", ["import_name", "import_names"])
def test_checklist_9_both_spellings_of_import_names(name):
    assert read((name, "demo")).fields["import_name"] == ["demo"]


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_old_actions_are_gone_even_without_a_file(action):
    with pytest.raises(Gone, match=action):
        read((":action", action), content=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((":action", "x"), "Field ':action' 'x' is unknown; an upload sends 'file_upload'"),
        ((":action", ""), "Field ':action' is missing; an upload sends 'file_upload'"),
        (("protocol_version", "2"), "Unknown protocol version."),
        (("name", "a b"), "'a b' is an invalid value for Name. Error: it must be a project name"),
        (("name", "demo\n"), None),
        (("version", "1.0.x"), "'1.0.x' is an invalid value for Version. Error: not valid by PEP 440"),
        (("version", "1" * 5000), None),
        (("filetype", ""), "Field 'filetype' is missing; it is 'sdist' or 'bdist_wheel'"),
        (("attestations", "{}"), "Invalid attestations supplied during upload: not a JSON array of objects"),
        (("attestations", "[" * 10_000), "Invalid attestations supplied during upload: not a JSON array of objects"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    if changes == ("name", "demo\n"):
        assert read(changes).display_name == "demo"  # white space around values is not meant
        return
    with pytest.raises(InvalidRequest) as caught:
        read(changes)
    assert message is None or caught.value.detail == message
    assert len(caught.value.detail) < 300


def test_protocol_version_may_be_absent():
    assert read(drop=("protocol_version", "metadata_version")).version == "1.0"


def test_no_content_is_refused():
    with pytest.raises(InvalidRequest, match=r"Upload payload does not have a file\."):
        read(content=False)
