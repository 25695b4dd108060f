"""The register of files about persons that commands wrote where they were told to: an erasure looks into them."""

import socket
from pathlib import Path

from identity.clock import Instant
from identity.privacy.models import PersonalFile


def here() -> str:
    """Return the name of this host: a path means something on it alone."""
    return socket.gethostname()[:200]


def note(path: Path, kind: str, format_: str, now: Instant) -> None:
    """Remember that this file may hold persons' data."""
    PersonalFile.objects.update_or_create(
        host=here(),
        path=str(path.resolve())[:1000],
        defaults={"kind": kind, "format": format_, "written_at": now},
    )
