"""The audit log: who changed what, and when."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from identity.clock import Instant
from identity.privacy.models import AuditEntry


def record(
    actor: str,
    action: str,
    object: str,  # noqa: A002 - the word of the log
    detail: Mapping[str, Any],
    now: Instant,
) -> None:
    """Write one entry, in the caller's transaction.

    `actor`: "user:<row id>", "key:<prefix>" or "command:<name>". `action`: "source.change". `object`: "identity.source:3".
    `detail`: JSON without personal data.
    """
    AuditEntry.objects.create(
        at=now, actor=actor, action=action, object=object, detail=dict(detail)
    )


def entries(*, actor: str = "", action: str = "", object: str = "") -> QuerySet[AuditEntry]:  # noqa: A002 - the word of the log
    """Return entries by this actor, of this action, on this object; "" = any."""
    asked = {"actor": actor, "action": action, "object": object}
    return AuditEntry.objects.filter(**{name: value for name, value in asked.items() if value})
