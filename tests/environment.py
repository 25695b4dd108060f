"""Loaded before Django's settings (see addopts): every test process has a data directory of its own."""

import atexit
import os
import shutil
import tempfile

_directory = tempfile.mkdtemp(prefix="filrouge-test-")
os.environ["FILROUGE_DATA_DIR"] = _directory
for _name in [
    name for name in os.environ if name.startswith("FILROUGE_") and name != "FILROUGE_DATA_DIR"
]:
    del os.environ[_name]
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
