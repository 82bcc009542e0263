"""How many files this server may have open, and how many clients can be connected at once because of it.

Each connection is an open file, and a download is another. Many systems start a process with a limit of 1,024, which
one impolite client would use up.
"""

import resource

WANTED_FILES = 65_536
MOST_CLIENTS = 16_384
FEW_CLIENTS = 4_096
_OWN_FILES = 256  # database, logs, listening sockets, upstream connections


def raise_open_files() -> int:
    """Raise this process's limit, which its children inherit, as far as it is allowed; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    best = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft == resource.RLIM_INFINITY or soft >= best:
        return WANTED_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
    except (OSError, ValueError):  # a system with a lower limit of its own
        return soft
    return best


def clients(open_files: int) -> int:
    """Connections a web process takes at once; more wait in the kernel until one ends."""
    return max(64, min(MOST_CLIENTS, (open_files - _OWN_FILES) // 2))


def warning(open_files: int) -> str:
    """What to tell whoever starts a server that few clients can use at once; "" when the limit is high enough."""
    if clients(open_files) >= FEW_CLIENTS:
        return ""
    return (
        f"a process may have {open_files} files open here, so {clients(open_files)} clients can be connected at once; "
        f"raise the hard limit to {WANTED_FILES} (ulimit -Hn, LimitNOFILE=, --ulimit nofile=)"
    )
