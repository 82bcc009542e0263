"""The numbers to reach, by the key of the row that shows them."""

from tests.benchmarks.results import NGINX, Ask

PEER = "best peer"

ASKED: dict[str, tuple[Ask, ...]] = {
    **{
        f"page.small.{kind}.identity.64.token": (Ask(NGINX, 0.3, True), Ask(PEER, 12, True))
        for kind in ("html", "json")
    },
    **{f"page.small.{kind}.gzip.64.token": (Ask(NGINX, 0.3, True), Ask(PEER, 12, True)) for kind in ("html", "json")},
    **{f"page.huge.{kind}.gzip.16.token": (Ask(NGINX, 0.45, True), Ask(PEER, 100, True)) for kind in ("html", "json")},
    **{
        f"page.{page}.{kind}.304.16.token": (Ask(NGINX, 0.22, True),)
        for page in ("small", "huge")
        for kind in ("html", "json")
    },
    "file.100mb.1": (Ask(NGINX, 0.7, True),),
    "file.100mb.8": (Ask(NGINX, 0.7, True),),
    "accel.100mb.1": (Ask(NGINX, 0.9, True),),
    "accel.100mb.8": (Ask(NGINX, 0.9, True),),
    "file.10kb.16": (Ask(NGINX, 0.2, True), Ask(PEER, 7, True)),
    "group.small.json.gzip.16": (Ask("one repository", 0.9, True),),
    "client.uv.warm": (Ask(NGINX, 1.25, False), Ask(PEER, 1, False)),
    "client.uv.cold": (Ask("upstream", 1.15, False),),
    "upload.twine": (Ask(PEER, 1, False),),
    "growth.page.html": (Ask("100 projects", 1.2, False),),
    "growth.page.json": (Ask("100 projects", 1.2, False),),
    "growth.start": (Ask("100 projects", 1.2, False),),
    "memory.idle": (Ask("", 250, False),),
    "memory.loaded": (Ask("", 400, False),),
}
