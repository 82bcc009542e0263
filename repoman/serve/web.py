"""The web child: Granian's main process, which only watches; its workers hold Django and the data plane."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from repoman import silence
from repoman.configuration import Configuration
from repoman.serve import lifeline, limits
from repoman.toolbox import logs

BACKLOG = 4096
BUFFER = 128 * 1024  # bytes a connection waits with for a slow reader; the longest head of a request, too (431)
HEADER_MILLISECONDS = 15_000
PREPARED_KEY = Path("tls") / "key.pem"


def main() -> int:
    """Serve one port until SIGTERM."""
    lifeline.hold()
    parser = argparse.ArgumentParser(prog="repoman.serve.web")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    configuration = Configuration.from_environment()
    certificate: dict[str, Any] = {}
    if arguments.tls:
        certificate = {
            "ssl_cert": Path(configuration.tls_certificate),
            "ssl_key": configuration.data_dir / PREPARED_KEY,
            "ssl_protocol_min": SSLProtocols.tls12,
        }
    Granian(
        "repoman.serve.web:load",
        address=configuration.host,
        port=arguments.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.auto,
        websockets=False,
        workers=configuration.workers,
        runtime_threads=1,
        backlog=BACKLOG,
        backpressure=limits.clients(limits.raise_open_files()),
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=BUFFER),
        log_dictconfig=logs.configuration(configuration.log_level_checked, configuration.log_format_checked),
        log_level=LogLevels.info if configuration.log_level_checked == "debug" else LogLevels.warning,
        respawn_failed_workers=True,
        **certificate,
    ).serve(target_loader=partial(load, arguments.port), wrap_loader=False)
    return 0


def load(port: int) -> Any:
    """Make the application, in a worker."""
    lifeline.end_with_parent()
    silence.watch(port)
    from repoman.asgi import application

    return application


if __name__ == "__main__":
    sys.exit(main())
