"""Celery tasks of the blob stores; what they do is in `services/garbage.py`."""

from blobstores.services import garbage
from repoman.celery import app


@app.task(name="blobstores.sweep_temporary_files")
def sweep_temporary_files() -> int:
    """Remove what writers left behind; returns how many files."""
    return garbage.sweep_temporary_files()


@app.task(name="blobstores.collect_garbage")
def collect_garbage() -> int:
    """Remove blobs that nothing refers to; returns how many."""
    return garbage.collect_garbage()
