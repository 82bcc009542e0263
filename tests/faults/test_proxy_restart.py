"""R2: a process that is killed in the middle of a download leaves nothing that anybody could take for a file."""

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from tests.distributions import wheel
from tests.simulators import upstream as faults

LARGE = wheel("demo", "1.0", payload=bytes(range(256)) * 8_000)
SCRIPT = """
import asyncio, os, sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from blobstores import stores
from blobstores.models import BlobStore
from repositories.dataplane import indexes
from repositories.domain.index import find_file
from repositories.models import Repository
from repositories.recipe import Surroundings
from repositories.recipes.pypi_proxy import ProxyIndex
from repositories.services.repositories import create_repository

if not Repository.objects.exists():
    BlobStore.objects.get_or_create(name="default")
    create_repository(name="p", recipe="pypi-proxy", blob_store="default", options={"remote_url": sys.argv[1]})
index = ProxyIndex(indexes.find_row("p"), Surroundings(blob_store=stores.store("default"), build_member=None))

async def main():
    source = await index.open_file(await find_file(index, "demo", sys.argv[2]), find_file.__globals__["Part"].FILE)
    content = b""
    async for chunk in source.chunks(0):
        content += chunk
        print("received", len(content), flush=True)

asyncio.run(main())
print("whole", flush=True)
"""


@pytest.fixture
def start(upstream, tmp_path):
    """Start a process that downloads the file through a proxy with a data folder of its own."""
    environment = {**os.environ, "REPOMAN_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "repoman.settings"}
    processes: list[subprocess.Popen] = []

    def run() -> subprocess.Popen:
        command = [sys.executable, "-c", SCRIPT, upstream.url, LARGE.filename]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_r2_kill_in_the_middle_of_a_download(upstream, start, tmp_path) -> None:
    upstream.add(LARGE.filename, LARGE.content)
    released = threading.Event()
    upstream.fault(f"/files/{LARGE.filename}", faults.stall(LARGE.content, 1_000_000, released), times=1)
    process = start()
    assert process.stdout.readline().startswith("received")
    process.kill()
    process.communicate()
    released.set()
    blobs = tmp_path / "blobs" / "default"
    assert [path for path in blobs.glob("sha256/**/*") if path.is_file()] == []
    assert len(list(blobs.glob("incoming/*"))) == 1  # swept at a start, when it is old
    with sqlite3.connect(tmp_path / "repoman.sqlite3") as rows:
        assert rows.execute("SELECT count(*) FROM repositories_cachedfile").fetchone() == (0,)
        assert rows.execute("SELECT count(*) FROM blobstores_blob").fetchone() == (0,)
    rows.close()
    output = start().communicate(timeout=60)[0]
    assert output.endswith("whole\n")
    assert (blobs / "sha256" / LARGE.sha256[:2] / LARGE.sha256[2:4] / LARGE.sha256).read_bytes() == LARGE.content
