"""What Django's settings and the pools make of the environment, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path


def settled(folder: Path, expression: str, **values: str) -> str:
    """Print ``expression`` in a fresh process with these REPOMAN_ variables."""
    code = (
        "import django; django.setup(); from django.conf import settings; from repoman.toolbox import threads; "
        f"print({expression})"
    )
    given = {f"REPOMAN_{name}": value for name, value in values.items()}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "repoman.settings", "REPOMAN_DATA_DIR": str(folder), **given}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pools_have_the_configured_sizes_and_empty_means_the_default(tmp_path: Path) -> None:
    sizes = settled(
        tmp_path, "threads.DATABASE_THREADS, threads.TRANSFER_THREADS", DATABASE_THREADS="", TRANSFER_THREADS="5"
    )
    assert sizes == "8 5"


def test_postgresql_has_a_connection_for_each_thread(tmp_path: Path) -> None:
    url = "postgres://repoman@database.example/repoman"
    pool = settled(
        tmp_path, "settings.DATABASES['default']['OPTIONS']['pool']", DATABASE_URL=url, DATABASE_THREADS="20"
    )
    assert pool == "{'min_size': 2, 'max_size': 29}"


def test_cookies_are_secure_where_only_https_is_spoken(tmp_path: Path) -> None:
    (tmp_path / "some.pem").write_text("")
    tls = dict.fromkeys(("TLS_CERTIFICATE", "TLS_KEY"), str(tmp_path / "some.pem"))
    secure = "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE"
    assert settled(tmp_path, secure) == "False False"
    assert settled(tmp_path, secure, **tls) == "True True"
    assert settled(tmp_path, secure, HTTPS_PORT="8443", **tls) == "False False"
    assert settled(tmp_path, secure, BASE_URL="https://packages.example") == "True True"
