"""Shared by all drawers: a data folder of its own for the test run, made before Django reads its settings.

`DJANGO_SETTINGS_MODULE` is named here and not in `pyproject.toml`: pytest-django would read the settings before this
file is imported, and with them the data folder of whoever runs the tests.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import django

_folder = tempfile.mkdtemp(prefix="repoman-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith("REPOMAN_")]:
    del os.environ[_name]
os.environ["REPOMAN_DATA_DIR"] = _folder
os.environ["DJANGO_SETTINGS_MODULE"] = "repoman.settings"
django.setup()
(Path(_folder) / "static").mkdir()  # WhiteNoise warns of a missing folder, and warnings are errors here

import pytest  # noqa: E402 - after the settings

from repoman import catalogues  # noqa: E402
from tests import live as live_server  # noqa: E402

# Compiled catalogues are not in the repository.
for _source in Path(__file__).resolve().parents[1].glob("locale/*/LC_MESSAGES/*.po"):
    catalogues.compile_catalogue(_source)


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """A real server as after its first start; shared, so a test that changes it uses names of its own."""
    with live_server.running(tmp_path_factory.mktemp("live")) as server:
        yield server
