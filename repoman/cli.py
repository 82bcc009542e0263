"""The `repoman` command: `serve` starts the server, everything else is one of Django's commands.

`serve` is answered without importing Django, because the supervising process lives as long as the server.
"""

import os
import sys

USAGE = """usage: repoman COMMAND

  serve        run the server: web, background work and broker, until Ctrl-C
  setup        migrate and do what the first start does, without serving
  check        look for mistakes in the configuration
  version      print the version
  help         list every other command

Settings come from the environment; docs/configuration.md lists them."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    command = words[0] if words else "usage"
    if command in ("usage", "-h", "--help"):
        print(USAGE)
        return 0 if words else 2
    if command in ("version", "--version"):
        from repoman import __version__

        print(__version__)
        return 0
    if command == "serve":
        return _serve(words[1:])
    return _django(words)


def _serve(words: list[str]) -> int:
    if words:
        print("repoman: serve takes no arguments; settings come from the environment", file=sys.stderr)
        return 2
    from repoman.configuration import Configuration
    from repoman.serve.supervisor import serve

    return serve(Configuration.from_environment())


def _django(words: list[str]) -> int:
    from repoman.configuration import ConfigurationError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "repoman.settings")
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["repoman", *words])
    except ConfigurationError as error:
        print(f"repoman: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
