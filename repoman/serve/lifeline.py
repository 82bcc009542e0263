"""Children that end with their parent, even when the parent is killed without a chance to say so.

On Linux the kernel sends SIGTERM when the parent dies (`PR_SET_PDEATHSIG`; it survives `exec`, so it holds for the
broker's binary as well). Elsewhere a thread watches a pipe whose other end only the supervisor has.
"""

import ctypes
import os
import signal
import sys
import threading

PIPE_VARIABLE = "REPOMAN_LIFELINE_PIPE"
PARENT_VARIABLE = "REPOMAN_LIFELINE_PARENT"
_PR_SET_PDEATHSIG = 1


def hold() -> None:
    """Tie this process to the supervisor that started it; does nothing when there is none."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    end_with_parent()
    if os.getppid() != int(parent):  # it died before the kernel was told
        sys.exit(1)
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(int(os.environ[PIPE_VARIABLE]),), daemon=True).start()


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent of this process dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _watch(pipe: int) -> None:
    os.read(pipe, 1)  # nothing is ever written: it returns when the supervisor is gone
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Become another program that is tied: `python -m repoman.serve.lifeline PROGRAM ARGUMENT …`."""
    hold()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - a program that the supervisor names


if __name__ == "__main__":
    main()
