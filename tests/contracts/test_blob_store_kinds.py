"""One suite for every registered kind of blob store."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from blobstores.kind import BlobMissing, OpenStore
from blobstores.stores import kinds

CONTENT = b"wheel" * 200_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=sorted(kinds()))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    return kinds()[request.param].open("contract", {"path": str(tmp_path / "store")})


def put(store: OpenStore, content: bytes = CONTENT) -> str:
    writer = store.writer()
    for start in range(0, len(content), 300_000):
        writer.write(content[start : start + 300_000])
    return writer.commit().sha256


def test_committed_bytes_come_back_under_their_sha256(store: OpenStore) -> None:
    assert put(store) == SHA256
    assert store.exists(SHA256)
    assert b"".join(store.read(SHA256)) == CONTENT
    assert list(store.digests()) == [SHA256]


def test_reading_starts_at_an_offset(store: OpenStore) -> None:
    put(store)
    assert b"".join(store.read(SHA256, 999_990)) == CONTENT[999_990:]
    assert b"".join(store.read(SHA256, len(CONTENT))) == b""


def test_digests_are_those_of_hashlib(store: OpenStore) -> None:
    writer = store.writer()
    writer.write(CONTENT)
    digests = writer.digests()
    assert digests.sha256 == SHA256
    assert digests.blake2b_256 == hashlib.blake2b(CONTENT, digest_size=32).hexdigest()
    assert digests.md5 == hashlib.md5(CONTENT).hexdigest()
    assert digests.size == len(CONTENT)
    writer.abort()


def test_digests_do_not_depend_on_how_the_bytes_came(store: OpenStore) -> None:
    """Large blocks are hashed in threads, small ones at once; their order must hold."""
    content = b"".join(number.to_bytes(4, "big") for number in range(400_000))
    writer = store.writer()
    position = 0
    for size in (1, 500_000, 10, 131_072, 131_071, 300_000, 0, 200_000, 7, len(content)):
        writer.write(content[position : position + size])
        position += size
    assert writer.path.read_bytes() == content
    digests = writer.commit()
    assert digests.sha256 == hashlib.sha256(content).hexdigest()
    assert digests.blake2b_256 == hashlib.blake2b(content, digest_size=32).hexdigest()
    assert digests.md5 == hashlib.md5(content).hexdigest()
    assert b"".join(store.read(digests.sha256)) == content


def test_several_are_committed_at_once(store: OpenStore) -> None:
    contents = [CONTENT, b"metadata", b"", b"metadata"]
    writers = [store.writer() for _ in contents]
    for writer, content in zip(writers, contents, strict=True):
        writer.write(content)
    writers[0].begin_sync()
    assert [each.sha256 for each in store.commit(writers)] == [hashlib.sha256(each).hexdigest() for each in contents]
    for writer in writers:
        writer.abort()
        assert not writer.path.exists()
    assert sorted(store.digests()) == sorted({hashlib.sha256(each).hexdigest() for each in contents})
    assert b"".join(store.read(SHA256)) == CONTENT


def test_a_writer_may_be_synced_early_and_written_on(store: OpenStore) -> None:
    writer = store.writer()
    writer.write(CONTENT[:1000])
    writer.begin_sync()
    writer.begin_sync()
    writer.write(CONTENT[1000:])
    writer.sync()
    assert writer.commit().sha256 == SHA256
    other = store.writer()
    other.write(CONTENT)
    other.begin_sync()
    other.abort()
    assert b"".join(store.read(SHA256)) == CONTENT


def test_nothing_is_visible_before_the_commit_or_after_an_abort(store: OpenStore) -> None:
    writer = store.writer()
    writer.write(CONTENT)
    assert writer.path.read_bytes() == CONTENT
    assert not store.exists(SHA256)
    writer.abort()
    assert not store.exists(SHA256)
    assert not writer.path.exists()


def test_the_same_bytes_twice_are_one_blob(store: OpenStore) -> None:
    put(store)
    put(store)
    assert list(store.digests()) == [SHA256]


def test_an_abort_after_the_commit_keeps_the_blob(store: OpenStore) -> None:
    writer = store.writer()
    writer.write(CONTENT)
    writer.commit()
    writer.abort()
    assert b"".join(store.read(SHA256)) == CONTENT


def test_a_missing_blob_is_told(store: OpenStore) -> None:
    with pytest.raises(BlobMissing):
        b"".join(store.read("0" * 64))
    store.delete("0" * 64)


def test_a_deleted_blob_is_gone(store: OpenStore) -> None:
    put(store)
    store.delete(SHA256)
    assert not store.exists(SHA256)
    assert list(store.digests()) == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_digests_name_blobs(store: OpenStore, digest: str) -> None:
    with pytest.raises(ValueError, match="not a sha256"):
        store.exists(digest)


def test_sweeping_takes_old_temporary_files_only(store: OpenStore) -> None:
    writer = store.writer()
    writer.write(b"x")
    assert store.sweep(3600) == 0
    assert writer.path.exists()
    writer.abort()
    put(store)
    store.sweep(-1)
    assert store.exists(SHA256)
