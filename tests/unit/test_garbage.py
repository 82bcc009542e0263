"""Garbage of blob stores: what goes, what stays, and that repeating it does no harm."""

import os
import time
from datetime import timedelta

import pytest

from blobstores import stores
from blobstores.kind import StoreFailure
from blobstores.models import Blob, BlobStore
from blobstores.services import garbage
from blobstores.tasks import collect_garbage, sweep_temporary_files
from repoman.toolbox import clock
from repositories.models import CachedFile, Distribution, Project, Repository

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(hours=25)


@pytest.fixture
def store(tmp_path):
    stores.forget()
    BlobStore.objects.create(name="garbage", kind="filesystem", options={"path": str(tmp_path)})
    yield stores.store("garbage")
    stores.forget()


def keep(store, content: bytes, *, age: timedelta = LONG_AGO) -> Blob:
    """A blob whose bytes are of that age and that was found unreferenced that long ago."""
    blob = store.record(store.keep(content))
    Blob.objects.filter(pk=blob.pk).update(unreferenced_since=clock.now() - age)
    written(store, blob.sha256, age)
    return blob


def written(store, sha256: str, age: timedelta) -> None:
    then = time.time() - age.total_seconds()
    os.utime(store.raw.path(sha256), (then, then))


def kept(store) -> set[str]:
    rows = set(Blob.objects.values_list("sha256", flat=True))
    assert rows == set(store.raw.digests())
    return rows


def test_every_reference_keeps_its_blob(store):
    blobs = {
        name: keep(store, name.encode()) for name in ("file", "metadata", "cached", "cached metadata", "provenance")
    }
    row = Repository.objects.create(name="r", recipe="pypi-hosted", blob_store=BlobStore.objects.get())
    project = Project.objects.create(repository=row, name="p", display_name="p")
    Distribution.objects.create(
        repository=row, project=project, filename="p.whl", version="1", packagetype="bdist_wheel",
        blob=blobs["file"], metadata_blob=blobs["metadata"], uploaded_at=clock.now(),
    )  # fmt: skip
    CachedFile.objects.create(
        repository=row, project="q", version="1", filename="q.whl", cached_at=clock.now(), blob=blobs["cached"],
        metadata_blob=blobs["cached metadata"], provenance_blob=blobs["provenance"],
    )  # fmt: skip
    keep(store, b"nobody refers to this")
    assert collect_garbage() == 1
    assert kept(store) == {blob.sha256 for blob in blobs.values()}
    assert collect_garbage() == 0


def test_young_blob_is_kept(store):
    young = keep(store, b"young", age=timedelta(hours=23))
    assert collect_garbage() == 0
    assert kept(store) == {young.sha256}


def test_blob_that_has_just_lost_its_last_reference_is_marked_and_kept(store):
    blob = store.record(store.keep(b"released"))
    written(store, blob.sha256, LONG_AGO)
    assert collect_garbage() == 0
    blob.refresh_from_db()
    assert clock.now() - blob.unreferenced_since < timedelta(minutes=1)
    assert kept(store) == {blob.sha256}
    Blob.objects.update(unreferenced_since=clock.now() - LONG_AGO)
    assert collect_garbage() == 1
    assert kept(store) == set()


def test_recording_a_blob_again_takes_its_mark_away(store):
    blob = keep(store, b"back again")
    store.record(store.keep(b"back again"))
    blob.refresh_from_db()
    assert blob.unreferenced_since is None


def test_blob_whose_bytes_were_written_again_is_kept(store):
    blob = keep(store, b"again")
    store.keep(b"again")  # an upload that has committed its bytes and is about to record them
    assert collect_garbage() == 0
    assert kept(store) == {blob.sha256}


def test_old_bytes_without_a_row_go_and_young_ones_stay(store):
    old, young = store.keep(b"old"), store.keep(b"young")
    written(store, old.sha256, LONG_AGO)
    assert collect_garbage() == 1
    assert set(store.raw.digests()) == {young.sha256}
    assert Blob.objects.count() == 0


def test_row_whose_bytes_are_gone_is_removed(store):
    blob = keep(store, b"gone")
    store.raw.delete(blob.sha256)
    assert collect_garbage() == 1
    assert not Blob.objects.exists()


def test_recording_notices_that_the_bytes_were_collected(store):
    digests = store.keep(b"collected")
    store.raw.delete(digests.sha256)
    with pytest.raises(StoreFailure, match="send it again"):
        store.record(digests)


def test_reference_made_meanwhile_keeps_the_blob(store, monkeypatch):
    blob = keep(store, b"wanted")
    row = Repository.objects.create(name="r", recipe="pypi-proxy", blob_store=BlobStore.objects.get())
    candidates = garbage.unreferenced().filter(pk=blob.pk)
    assert candidates.exists()
    CachedFile.objects.create(repository=row, project="p", version="1", filename="f", cached_at=clock.now(), blob=blob)
    assert garbage._remove(BlobStore.objects.get(), blob.sha256) is False
    assert kept(store) == {blob.sha256}


def test_only_old_temporary_files_are_swept(store):
    old, young = store.writer(), store.writer()
    then = time.time() - LONG_AGO.total_seconds()
    os.utime(old.path, (then, then))
    assert sweep_temporary_files() == 1
    assert not old.path.exists()
    assert young.path.exists()
    assert sweep_temporary_files() == 0
    old.abort()
    young.abort()


def test_store_that_cannot_be_opened_does_not_keep_the_others_from_their_turn(store, tmp_path):
    (tmp_path / "file").write_text("")
    BlobStore.objects.create(name="a-broken", kind="filesystem", options={"path": str(tmp_path / "file" / "x")})
    keep(store, b"garbage")
    assert collect_garbage() == 1
