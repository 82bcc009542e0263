"""Tiny real wheels and sdists made on the spot, and the multipart form that uploads them."""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

BOUNDARY = "repoman-test-boundary"


@dataclass(frozen=True)
class Built:
    """A built distribution with what an upload form says of it."""

    filename: str
    content: bytes
    metadata: bytes
    filetype: str
    pyversion: str
    name: str
    version: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()


def metadata_for(
    name: str, version: str, *, requires_python: str = "", requires_dist: Sequence[str] = (), summary: str = "A test"
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires_dist]
    return ("\n".join(lines) + "\n\nA description.\n").encode()


def wheel(
    name: str,
    version: str,
    *,
    requires_python: str = "",
    requires_dist: Sequence[str] = (),
    summary: str = "A test",
    payload: bytes = b"",
) -> Built:
    """A pure wheel with one module; ``payload`` makes files of one version differ or large."""
    stem = canonicalize_name(name).replace("-", "_")
    metadata = metadata_for(
        name, version, requires_python=requires_python, requires_dist=requires_dist, summary=summary
    )
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{stem}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{stem}/payload.bin": payload,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_record_digest(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), content)
    return Built(
        filename=f"{stem}-{version}-py3-none-any.whl",
        content=buffer.getvalue(),
        metadata=metadata,
        filetype="bdist_wheel",
        pyversion="py3",
        name=name,
        version=version,
        fields={"requires_python": requires_python},
    )


def sdist(name: str, version: str, *, summary: str = "A test") -> Built:
    """An sdist that setuptools can build."""
    stem = canonicalize_name(name).replace("-", "_")
    metadata = metadata_for(name, version, summary=summary)
    files = {
        f"{stem}-{version}/PKG-INFO": metadata,
        f"{stem}-{version}/pyproject.toml": (
            '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
        ).encode(),
        f"{stem}-{version}/{stem}.py": f"__version__ = {version!r}\n".encode(),
    }
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Built(
        filename=f"{stem}-{version}.tar.gz",
        content=buffer.getvalue(),
        metadata=metadata,
        filetype="sdist",
        pyversion="source",
        name=name,
        version=version,
    )


def upload_form(built: Built, *, drop: Sequence[str] = (), **changed: str) -> tuple[str, bytes]:
    """Content type and body as twine sends them; ``drop`` leaves fields out, ``changed`` sets others."""
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": built.name,
        "version": built.version,
        "filetype": built.filetype,
        "pyversion": built.pyversion,
        "sha256_digest": built.sha256,
        **built.fields,
        **{key.replace("action", ":action"): value for key, value in changed.items() if key != "filename"},
    }
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
        if key not in drop
    ]
    if "content" not in drop:
        filename = changed.get("filename", built.filename)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + built.content + b"\r\n")
    return f"multipart/form-data; boundary={BOUNDARY}", b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _record_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
