"""Whether a process of the installation runs: each worker shares a lock, whoever replaces the data needs it alone."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext

from identity.errors import DomainError

_NAME = "running.lock"


def share(directory: Path) -> None:
    """Say, for the life of this process and of what it forks, that it runs. Raises DomainError while data are replaced."""
    try:
        fcntl.flock(_opened(directory), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DomainError(
            "replaced", gettext("the data are being replaced: start again later")
        ) from error


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Let no worker run while the context lasts. Raises DomainError when one does."""
    handle = _opened(directory)
    try:
        _take(handle)
        yield
    finally:
        os.close(handle)


def _take(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        said = "a process of the installation runs: stop `manage.py up` first"
        raise DomainError("running", said) from error


def _opened(directory: Path) -> int:
    return os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
