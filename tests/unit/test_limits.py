"""Open files: raised as far as allowed, and said when that is not far."""

import subprocess
import sys

import pytest

from repoman.serve import limits

RAISE = """
import resource, sys
from repoman.serve import limits
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(limits.raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard", "expected"), [(256, 2048, 2048), (1024, 1024, 1024)])
def test_soft_limit_is_raised_to_the_hard_one(soft, hard, expected):
    done = subprocess.run(
        [sys.executable, "-c", RAISE, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(expected), str(expected), str(hard)]


@pytest.mark.parametrize(("files", "clients"), [(64, 64), (1024, 384), (20_000, 9_872), (1 << 30, 16_384)])
def test_clients_leave_room_for_their_downloads(files, clients):
    assert limits.clients(files) == clients


def test_low_limit_is_said_with_what_to_do():
    assert limits.warning(65_536) == ""
    assert limits.warning(1024) == (
        "a process may have 1024 files open here, so 384 clients can be connected at once; "
        "raise the hard limit to 65536 (ulimit -Hn, LimitNOFILE=, --ulimit nofile=)"
    )
