"""Shared by all drawers: a data folder of its own for the test run, made before Django reads its settings.

`DJANGO_SETTINGS_MODULE` is named here and not in `pyproject.toml`: pytest-django would read the settings before this
file is imported, and with them the data folder of whoever runs the tests.
"""

import atexit
import os
import shutil
import tempfile

import django

_folder = tempfile.mkdtemp(prefix="repoman-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

for _name in [name for name in os.environ if name.startswith("REPOMAN_")]:
    del os.environ[_name]
os.environ["REPOMAN_DATA_DIR"] = _folder
os.environ["DJANGO_SETTINGS_MODULE"] = "repoman.settings"
django.setup()
