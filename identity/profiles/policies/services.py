"""The draft of the rules of who is who, and asking the lane to apply it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.graph import documents, policies
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT, Policy
from identity.privacy import audit
from identity.profiles.models import Identifier
from identity.profiles.policies import settling
from identity.touchpoints import commands
from identity.touchpoints.types import BatchContext

APPLY = "identity_policy.apply"  # a lane command
SETUP = "command:setup"
_OBJECT = "identity.identitypolicy"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far what is stored was brought to the policy in force; `of` is about what `processed` will be."""

    processed: int
    of: int
    done: bool


def seed(now: Instant) -> None:
    """Store the default policy as version 1, unless there is any."""
    if not IdentityPolicy.objects.exists():
        IdentityPolicy.objects.get_or_create(
            version=DEFAULT.version,
            defaults={
                "document": documents.write(DEFAULT),
                "created_at": now,
                "changed_at": now,
                "changed_by": SETUP,
                "requested_at": now,
                "applied_at": now,
                "settled_at": now,
            },
        )


# --- Reading ------------------------------------------------------------------------------------------------------------


def draft(*, lock: bool = False) -> IdentityPolicy | None:
    """Return the version that may still be changed. `lock`: hold it for the rest of the transaction."""
    rows = IdentityPolicy.objects.select_for_update() if lock else IdentityPolicy.objects
    return rows.filter(requested_at=None).order_by("-version").first()


def drafted(*, lock: bool = False) -> IdentityPolicy:
    """Return the draft. Raises NotFound."""
    row = draft(lock=lock)
    if row is None:
        raise _no_draft()
    return row


def in_force() -> IdentityPolicy | None:
    """Return the row of the policy in force; None while it is the default, which nobody has stored yet."""
    return IdentityPolicy.objects.exclude(applied_at=None).order_by("-version").first()


def versions() -> QuerySet[IdentityPolicy]:
    return IdentityPolicy.objects.all()


def progress(row: IdentityPolicy) -> Progress | None:
    """Return how far the lane is with a policy that was applied; None when it was not, or when another came before it was through."""
    if row.settled_at is not None:
        return Progress(row.processed, row.processed, done=True)
    newest = in_force()
    if newest is None or newest.pk != row.pk:
        return None
    return Progress(row.processed, max(row.processed, 2 * Identifier.objects.count()), done=False)


# --- Writing ------------------------------------------------------------------------------------------------------------


def change(document: Mapping[str, Any], now: Instant, *, actor: str) -> IdentityPolicy:
    """Let this be the draft. Raises BadPolicy, which names each mistake."""
    with transaction.atomic():
        row = _begun(now)
        read = documents.read(document, version=row.version)
        _require_successor(read)
        row.document = documents.write(read)
        row.changed_at, row.changed_by = now, actor
        row.save()
        audit.record(actor, "identity_policy.change", f"{_OBJECT}:{row.pk}", {}, now)
    return row


def _begun(now: Instant) -> IdentityPolicy:
    """Return the draft, held for the rest of the transaction; one is begun unless there is one.

    Two may begin it at once. The second waits until the row of the first is there, and finds it.
    """
    while (row := draft(lock=True)) is None:
        begun = {"document": {}, "created_at": now, "changed_at": now}
        IdentityPolicy.objects.get_or_create(version=_next(), defaults=begun)
    return row


def discard(now: Instant, *, actor: str) -> None:
    """Throw the draft away. Raises NotFound."""
    with transaction.atomic():
        row = drafted(lock=True)
        audit.record(actor, "identity_policy.discard", f"{_OBJECT}:{row.pk}", {}, now)
        row.delete()


def apply(now: Instant, *, actor: str) -> int:
    """Ask the lane to apply the draft, which changes no more; return the command's row id. Raises NotFound, BadPolicy."""
    with transaction.atomic():
        row = drafted(lock=True)
        read = documents.read(row.document, version=row.version)
        _require_successor(read)
        row.requested_at = now
        row.save(update_fields=["requested_at"])
        command = commands.enqueue(APPLY, {"version": row.version}, actor, now)
        audit.record(actor, APPLY, f"{_OBJECT}:{row.pk}", {"command": command}, now)
    return command


def execute_apply(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Let the policy be in force from the next batch on. In the lane's transaction. Raises DomainError."""
    row = IdentityPolicy.objects.filter(pk=payload["version"]).first()
    if row is None:
        raise _no_draft()
    newest = in_force()
    if newest is not None and newest.version >= row.version:
        said = gettext("version %(version)s of the identity policy came later") % {
            "version": newest.version
        }
        raise DomainError("policy_passed", said)
    read = documents.read(row.document, version=row.version)
    documents.require_successor(policies.current(), read)
    IdentityPolicy.objects.filter(pk=row.pk).update(applied_at=context.now)
    settling.pass_on(row.version)


def _require_successor(new: Policy) -> None:
    """See that it can follow the policy in force, and those that will be before it. Raises BadPolicy."""
    old = policies.current()
    documents.require_successor(old, new)
    waiting = IdentityPolicy.objects.filter(version__gt=old.version, version__lt=new.version)
    for row in waiting.exclude(requested_at=None):
        documents.require_successor(documents.read(row.document, version=row.version), new)


def _next() -> int:
    highest = IdentityPolicy.objects.aggregate(highest=Max("version"))["highest"]
    return max(DEFAULT.version, highest or 0) + 1


def _no_draft() -> NotFound:
    return NotFound("no_draft", gettext("there is no draft of the identity policy"))
