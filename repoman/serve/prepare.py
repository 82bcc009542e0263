"""What must be done before the server can answer: migrations, first-start set-up, messages, static files, TLS key.

Runs as a child of its own, so that its memory goes back before the server starts.
"""

import hashlib
import os
import sys
from pathlib import Path

from repoman.configuration import ConfigurationError
from repoman.serve import lifeline
from repoman.serve.web import PREPARED_KEY


def main() -> int:
    """Prepare everything; returns the exit code (2: configuration, 1: failed)."""
    lifeline.hold()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "repoman.settings")
    try:
        import django

        django.setup()
        prepare()
    except ConfigurationError as error:
        print(f"repoman: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        from django.db import DatabaseError

        if isinstance(error, DatabaseError):
            print(f"repoman: the database cannot be used: {error}", file=sys.stderr)
            return 1
        raise
    return 0


def prepare() -> None:
    """Bring database, first-start objects, messages, static files and the TLS key up to date.

    Raises ConfigurationError, DatabaseError.
    """
    from django.conf import settings

    from repoman import first_start
    from repoman.serve import tls

    migrate()
    first_start.set_up()
    if settings.REPOMAN.tls:
        tls.prepare_key(
            Path(settings.REPOMAN.tls_certificate), Path(settings.REPOMAN.tls_key), settings.DATA_DIR / PREPARED_KEY
        )
    compile_messages()
    collect_static_files()


def migrate() -> None:
    """Apply what is missing; asking the plan first is cheaper than the command, which also sends its signals."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def compile_messages() -> None:
    """Compile catalogues of translations that are newer than what was compiled of them."""
    from django.conf import settings

    from repoman import catalogues

    for folder in settings.LOCALE_PATHS:
        for source in Path(folder).glob("*/LC_MESSAGES/*.po"):
            try:
                catalogues.compile_catalogue(source)
            except OSError as error:  # an installation that cannot be written still works, in English
                print(f"repoman: translations were not compiled: {error}", file=sys.stderr)


def collect_static_files() -> None:
    """Copy, compress and hash static files, unless nothing has changed since they were collected."""
    from django.conf import settings
    from django.core.management import call_command

    stamp = Path(settings.STATIC_ROOT) / ".collected"
    state = _static_state()
    if stamp.exists() and stamp.read_text() == state:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(state)


def _static_state() -> str:
    """A digest of names, sizes and times of every static file."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
