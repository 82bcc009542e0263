"""The stages of one large page, timed in this process."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import live
from tests.benchmarks.cold.asked import report
from tests.benchmarks.cold.offered import BIG, big_page


def stages(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(live.environment_for(Path(folder)), DJANGO_SETTINGS_MODULE="repoman.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        for label, (kind, files) in BIG.items():
            _stages_of(label, kind, files, rounds)


def _stages_of(label: str, kind: str, files: int, rounds: int) -> None:
    from blobstores.models import BlobStore
    from repoman.toolbox import clock
    from repositories.domain.names import NormalizedName
    from repositories.models import Repository
    from repositories.protocol import page_document, pypi, simple_html, simple_json
    from repositories.services import upstream_pages

    store, _ = BlobStore.objects.get_or_create(name="default", kind="filesystem")
    project = NormalizedName("huge")
    body = big_page(kind, files, project, "https://files.example")[1]
    parse = simple_json.parse_project if kind == "json" else simple_html.parse_project
    taken: dict[str, list[float]] = {}

    def timed(stage: str, function: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = function()
        taken.setdefault(stage, []).append((time.perf_counter() - began) * 1000)
        return result

    def url(file: Any) -> str:
        return f"../../{pypi.file_path(file)}"

    for number in range(max(5, rounds)):
        row = Repository.objects.create(name=f"{kind}{number}", recipe="pypi-proxy", blob_store=store)
        told = {
            "repository_id": row.pk,
            "source": "s",
            "project": project,
            "name": row.name,
            "etag": "",
            "last_modified": "",
        }
        page = timed("parse", lambda: parse(body, "https://index.example/simple/huge/", project))
        timed("  of saving: first_seen", lambda page=page: page_document.with_first_seen(page, None, clock.now()))
        document = timed("  of saving: pack", lambda page=page: page_document.pack_page(page, "s"))
        timed(
            "save, nothing before", lambda page=page, told=told: upstream_pages.save(page=page, now=clock.now(), **told)
        )
        load = {"repository_id": row.pk, "name": row.name, "source": "s", "project": project}
        kept = timed("load after saving", lambda load=load: upstream_pages.load(**load))
        timed("render JSON", lambda kept=kept: simple_json.render_project(kept.page, url))
        timed("render HTML", lambda kept=kept: simple_html.render_project(kept.page, url))
        upstream_pages.memory.clear()
        timed("load in another process", lambda load=load: upstream_pages.load(**load))
        timed(
            "save again, unchanged",
            lambda page=page, told=told: upstream_pages.save(page=page, now=clock.now(), **told),
        )
    report(f"{label}: {len(body)} bytes, document of {len(document)}", "")
    for stage, times in taken.items():
        report(f"  {stage}", f"median {statistics.median(times):7.1f} ms   least {min(times):7.1f} ms")
