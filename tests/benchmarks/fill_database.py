"""Fills a hosted repository past the upload, for amounts that would take minutes: `python -m … MANIFEST` in a child process.

The manifest is JSON: ``repository`` (made when missing) and ``files``, a list of [project, version, filename, path,
metadata]. Files of one path share a blob. The rows are those that an upload writes.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.live import ROOT

BATCH = 2000

Listed = tuple[str, str, str, str, str]


def fill(environment: Mapping[str, str], scratch: Path, repository: str, files: Iterable[Listed]) -> None:
    """Run this file on the data folder that ``environment`` names."""
    manifest = scratch / "manifest.json"
    manifest.write_text(json.dumps({"repository": repository, "files": list(files)}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.fill_database", str(manifest)],
        cwd=ROOT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "repoman.settings"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    manifest.unlink()
    if done.returncode:
        raise RuntimeError(done.stderr)


def _main(manifest: Path) -> None:
    import django

    django.setup()
    from django.db import transaction
    from django.db.models import F

    from repositories.models import Repository
    from repositories.services.repositories import create_repository

    wanted = json.loads(manifest.read_text())
    name = wanted["repository"]
    row = Repository.objects.filter(name=name).first() or create_repository(
        name=name, recipe="pypi-hosted", blob_store="default", options={}
    )
    with transaction.atomic():
        _write(row, wanted["files"])
        Repository.objects.filter(pk=row.pk).update(generation=F("generation") + 1)


def _write(row: Any, files: list[Listed]) -> None:
    from django.utils.timezone import now

    from repositories.models import Distribution, Project

    names = dict.fromkeys(file[0] for file in files)
    Project.objects.bulk_create(
        [Project(repository=row, name=name, display_name=name, summary="A test") for name in names], batch_size=BATCH
    )
    projects = dict(Project.objects.filter(repository=row).values_list("name", "pk"))
    by_path = _blobs(row, {path: Path(path).read_bytes() for path in {file[3] for file in files}})
    by_text = _blobs(row, {text: text.encode() for text in {file[4] for file in files}})
    Distribution.objects.bulk_create(
        [
            Distribution(
                repository=row,
                project_id=projects[project],
                filename=filename,
                version=version,
                packagetype="bdist_wheel",
                python_version="py3",
                requires_python=">=3.9",
                blob_id=by_path[path],
                metadata_blob_id=by_text[text],
                uploaded_at=now(),
            )
            for project, version, filename, path, text in files
        ],
        batch_size=BATCH,
    )


def _blobs(row: Any, contents: Mapping[str, bytes]) -> dict[str, int]:
    """Put bytes where the store keeps them, with their rows; the rows' ids under the keys of ``contents``."""
    from blobstores.models import Blob
    from blobstores.stores import store

    raw: Any = store(row.blob_store.name).raw
    digests = {key: hashlib.sha256(content).hexdigest() for key, content in contents.items()}
    there = set(Blob.objects.filter(store=row.blob_store).values_list("sha256", flat=True))
    rows = {}
    for key, digest in digests.items():
        if digest in there or digest in rows:
            continue
        place = raw.location(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents[key])
        rows[digest] = Blob(
            store=row.blob_store,
            sha256=digest,
            blake2b_256=hashlib.blake2b(contents[key], digest_size=32).hexdigest(),
            md5=hashlib.md5(contents[key], usedforsecurity=False).hexdigest(),
            size=len(contents[key]),
        )
    Blob.objects.bulk_create(rows.values(), batch_size=BATCH)
    ids = dict(Blob.objects.filter(store=row.blob_store).values_list("sha256", "pk"))
    return {key: ids[digest] for key, digest in digests.items()}


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
