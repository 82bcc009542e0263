"""python -m tests.benchmarks.cold [stages] [page] [first-byte] [crowd] [install]

Needs nginx (crowd, install) and uv (install). Everything runs on loopback, in folders of its own that are removed. Prints
one line a measurement; CPU is of all processes of the server. Not part of `make test`: nothing here passes or fails.
"""

import argparse
from collections.abc import Callable

from tests.benchmarks.cold import files, installing, pages, stages

MEASURES: dict[str, Callable[[int], None]] = {
    "stages": stages.stages,
    "page": pages.page,
    "first-byte": files.first_byte,
    "crowd": files.crowd,
    "install": installing.install,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="cold")
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(MEASURES)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(MEASURES):
        parser.error(f"no section {', '.join(unknown)}")
    for section in arguments.sections or MEASURES:
        MEASURES[section](arguments.rounds)


if __name__ == "__main__":
    main()
