"""Distribution files made on the spot, right ones and wrong ones."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

METADATA = b"Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0\nSummary: A demo\nRequires-Python: >=3.9\n\nHello\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
FOLDER = "demo_pkg-1.0.dist-info"


def wheel_files(**changes: bytes | None) -> dict[str, bytes]:
    """The files of a right wheel; RECORD last. A change of None leaves the file out."""
    files: dict[str, bytes] = {"demo_pkg/__init__.py": b"x = 1\n", "METADATA": METADATA, "WHEEL": WHEEL}
    files = {(f"{FOLDER}/{name}" if "/" not in name else name): data for name, data in files.items()}
    files[f"{FOLDER}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{FOLDER}/RECORD"]).encode()
    for name, data in changes.items():
        if data is None:
            del files[f"{FOLDER}/{name}"]
        else:
            files[f"{FOLDER}/{name}"] = data
    return files


def zip_bytes(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return buffer.getvalue()


class OneWay(io.RawIOBase):
    """A file that cannot seek, so that writers put sizes behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def streamed_zip_bytes(files: Mapping[str, bytes]) -> bytes:
    sink = OneWay()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return bytes(sink.data)


def right_wheel() -> bytes:
    return zip_bytes(wheel_files())


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def sdist_members() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member("demo_pkg-1.0", kind=tarfile.DIRTYPE),
        member("demo_pkg-1.0/PKG-INFO", METADATA),
        member("demo_pkg-1.0/src/demo.py", b"x = 1\n"),
    ]


def right_sdist(format: int = tarfile.PAX_FORMAT) -> bytes:
    return gzip.compress(tar_bytes(*sdist_members(), format=format))
