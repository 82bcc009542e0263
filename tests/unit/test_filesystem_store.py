"""Blobs in a folder: what is synced before a commit returns, and what happens when the disk says no."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from blobstores.kind import NoSpace, StoreFailure
from blobstores.kinds import filesystem
from blobstores.kinds.filesystem import FilesystemStore
from tests.needs import needs


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been synced, in order: paths as they were at that moment."""
    needs(Path("/proc/self/fd").exists(), "Linux")
    paths: list[str] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    return paths


def put(store: FilesystemStore, *contents: bytes) -> list[str]:
    writers = [store.writer() for _ in contents]
    for writer, content in zip(writers, contents, strict=True):
        writer.write(content)
    return [digests.sha256 for digests in store.commit(writers)]


def alike(first: bytes) -> bytes:
    """Another content whose digest begins with the same four digits."""
    start = hashlib.sha256(first).hexdigest()[:4]
    candidates = (f"{number}".encode() for number in range(10_000_000))
    return next(each for each in candidates if hashlib.sha256(each).hexdigest().startswith(start))


def test_every_folder_that_got_an_entry_is_synced_and_no_other(tmp_path: Path, synced: list[str]) -> None:
    store = FilesystemStore(tmp_path / "new" / "store")
    assert set(synced) == {str(tmp_path / "new" / "store"), str(tmp_path / "new"), str(tmp_path)}
    synced.clear()
    (sha256,) = put(store, b"first")
    seconds = store.path(sha256).parent
    assert synced[0].startswith(str(store.incoming))  # the bytes before any name
    assert sorted(synced[1:]) == sorted(map(str, (seconds, seconds.parent, seconds.parent.parent)))
    synced.clear()
    put(store, alike(b"first"))
    assert synced[1:] == [str(seconds)]


def test_a_folder_another_process_made_is_synced_by_this_one_too(tmp_path: Path, synced: list[str]) -> None:
    other, store = FilesystemStore(tmp_path), FilesystemStore(tmp_path)
    put(other, b"first")
    synced.clear()
    (sha256,) = put(store, alike(b"first"))
    seconds = store.path(sha256).parent
    assert sorted(synced[1:]) == sorted(map(str, (seconds, seconds.parent, seconds.parent.parent)))


def test_blobs_of_one_commit_are_synced_before_the_first_has_its_name(tmp_path: Path, synced: list[str]) -> None:
    store = FilesystemStore(tmp_path)
    synced.clear()
    put(store, b"one", b"two", b"three")
    assert all(path.startswith(str(store.incoming)) for path in synced[:3])
    assert not any(path.startswith(str(store.incoming)) for path in synced[3:])
    assert len(synced) == len(set(synced))


def test_a_large_file_goes_to_the_disk_while_it_grows(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "SYNC_EVERY", 1_000_000)
    store = FilesystemStore(tmp_path)
    writer = store.writer()
    synced.clear()
    for _ in range(30):
        writer.write(bytes(100_000))
    before = len(synced)
    assert before >= 1
    writer.write(b"the end")
    writer.sync()
    assert len(synced) > before
    settled = len(synced)
    writer.sync()
    assert len(synced) == settled  # nothing new, nothing to do
    writer.abort()
    assert not writer.path.exists()


@pytest.mark.parametrize(("number", "error"), [(errno.EIO, StoreFailure), (errno.ENOSPC, NoSpace)])
def test_an_error_of_a_sync_in_the_background_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    """The system tells it once; a second sync would say that all is well."""
    store = FilesystemStore(tmp_path)
    fsync = os.fsync
    failures = [OSError(number, os.strerror(number))]

    def fails_once(descriptor: int) -> None:
        if failures:
            raise failures.pop()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fails_once)
    writer = store.writer()
    writer.write(b"lost")
    writer.begin_sync()
    with pytest.raises(error):
        store.commit([writer])
    writer.abort()
    assert list(store.digests()) == []
    assert list(store.incoming.iterdir()) == []


def test_folders_that_were_taken_away_are_made_again(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path)
    (sha256,) = put(store, b"first")
    path = store.path(sha256)
    path.unlink()
    path.parent.rmdir()
    assert put(store, b"first") == [sha256]
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
