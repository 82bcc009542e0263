"""Shared by all drawers: a data folder of its own for the test run, made before Django reads its settings."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="repoman-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["REPOMAN_DATA_DIR"] = _folder
