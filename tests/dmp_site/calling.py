"""Calls commands of manage.py one after another in one process of an installation, as a person would, and prints how each ended."""

import contextlib
import io
import json
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.conf import settings
from django.core.management import execute_from_command_line

from dmp_site.backup import manifest
from identity.clock import now
from identity.privacy.keys import make_keys, require_keys


def call(commands: Mapping[str, Iterable[str]]) -> None:
    """Print, as JSON, status and standard error of each."""
    ended = {name: _call(arguments) for name, arguments in commands.items()}
    sys.stdout.write(json.dumps(ended))


def keys() -> None:
    """Make the key file of an installation that has nothing else."""
    make_keys(settings.KEYS_FILE)


def backup_of(directory: str, stores: str, *names: str) -> None:
    """Make what looks like a backup of this installation, up to its dumps: who reads those has found the stores."""
    path = Path(directory)
    path.mkdir()
    for name in names:
        (path / name).write_bytes(b"")
    made = manifest.of(path, names, stores, require_keys(settings.KEYS_FILE), now())
    manifest.write(path, made)


def _call(arguments: Iterable[str]) -> tuple[object, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as end:
            return end.code, said.getvalue()
        except Exception:  # noqa: BLE001 - it is what the command let through
            return 1, said.getvalue() + traceback.format_exc()
    return 0, said.getvalue()
