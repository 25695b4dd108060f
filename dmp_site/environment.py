"""Reads the FILROUGE_* environment variables. docs/configuration.md lists every one of them (a test looks)."""

import contextlib
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(f"FILROUGE_{name}", default)


def secret(name: str, default: str = "") -> str:
    """Read the variable, or the file that the one with _FILE at its end names (one trailing newline is cut)."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise ImproperlyConfigured(
            f"FILROUGE_{name}_FILE: {path} cannot be read: {error.strerror}"
        ) from error


def integer(name: str, default: int, *, least: int, most: int) -> int:
    """Read a whole number from `least` to `most`. Raises ImproperlyConfigured."""
    value = text(name, str(default))
    with contextlib.suppress(ValueError):
        number = int(value)
        if least <= number <= most:
            return number
    raise ImproperlyConfigured(
        f"FILROUGE_{name} must be a whole number from {least} to {most}, not {value!r}"
    )


def flag(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"FILROUGE_{name} must be true or false, not {value!r}")


def names(name: str, default: str = "") -> list[str]:
    """Read a comma-separated list; blanks are left out."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]
