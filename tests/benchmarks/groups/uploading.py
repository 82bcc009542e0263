"""twine uploading 100 wheels in one call, into a repository that has none of them."""

from tests.benchmarks.clients import twine_upload
from tests.benchmarks.results import Sample
from tests.benchmarks.servers.peer import Uploads
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World


def measure_uploads(world: World) -> None:
    key, what = "upload.twine", "twine upload of 100 wheels"
    row = world.results.row(key, "uploads", what, "s", asked=ASKED.get(key, ()))
    ours = world.ours
    with world.attempt(what, required=True):
        for number in range(1 if world.quick else 3):
            ours.add_hosted(f"uploads-{number}")
            there = Uploads(ours.server.upload_url(f"uploads-{number}"), ours.token.name_code, ours.token.pass_code)
            row.add(row.ours, Sample(twine_upload(there, world.corpus.uploads, world.scratch("twine"))))
    for peer in world.peers:
        if peer.uploads is not None:
            with world.attempt(f"{peer.name}: {what}"):
                row.add(peer.name, Sample(twine_upload(peer.uploads, world.corpus.uploads, world.scratch("twine"))))
