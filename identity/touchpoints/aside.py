"""Rows that fail alone: their tries, and setting them aside until somebody says "try again"."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from identity.clock import Instant, from_datetime
from identity.errors import NotFound
from identity.privacy import audit
from identity.sql import Rows, execute, fetch
from identity.touchpoints import commands, lane
from identity.touchpoints.models import SetAside
from identity.touchpoints.types import InboxRow, Mode, Touchpoint

RETRY = "set_aside.retry"
TRIES = 3


def trying(row: InboxRow, now: Instant, *, epoch: int) -> bool:
    """Write that one more attempt on this row alone begins; False, and nothing written, when its tries are used up."""
    with lane.fenced(epoch):
        entry, _made = SetAside.objects.get_or_create(
            number=row.number,
            defaults={
                "source": row.source,
                "mode": row.mode,
                "received_at": row.received_at,
                "payload": row.payload,
                "changed_at": now,
            },
        )
        if entry.tries >= TRIES:
            return False
        entry.tries += 1
        entry.changed_at = now
        entry.save(update_fields=["tries", "changed_at"])
    return True


def give_back(number: int, *, epoch: int) -> None:
    """Take back the try that was written last: the attempt failed for a reason that is not the row's."""
    with lane.fenced(epoch):
        execute(
            "UPDATE identity_setaside SET tries = tries - 1 WHERE number = %s AND tries > 0",
            [number],
        )


def suspects() -> dict[Mode, int]:
    """Return the highest number whose tries are being counted, by mode."""
    found = SetAside.objects.filter(state="trying").values_list("mode").annotate(Max("number"))
    return {Mode(mode): number for mode, number in found}


def passed(mode: Mode, first: int, last: int) -> None:
    """Forget the tries of rows that go through with others. Called in the transaction that settles them."""
    SetAside.objects.filter(mode=mode, number__range=(first, last), state="trying").delete()


def set_aside(number: int, touchpoint: str, error: str, now: Instant) -> None:
    """Keep the row, with the reason, out of the road. Called in the transaction that settles it."""
    SetAside.objects.filter(number=number).update(
        state="aside",
        touchpoint=touchpoint,
        error=error.replace("\0", "")[:500],
        changed_at=now,
    )


def done(number: int) -> None:
    """Forget the tries of a row that goes through. Called in the transaction that settles it."""
    SetAside.objects.filter(number=number).delete()


def retry(number: int, actor: str, now: Instant) -> int:
    """Ask the lane to take the row once more, under its original number; return the command's row id. Raises NotFound."""
    with transaction.atomic():
        entry = SetAside.objects.select_for_update().filter(number=number, state="aside").first()
        if entry is None:
            raise _not_set_aside(number)
        SetAside.objects.filter(pk=entry.pk).update(state="again", tries=0, changed_at=now)
        command = commands.enqueue(RETRY, {"number": number}, actor, now)
        detail = {"number": number}
        audit.record(actor, "setaside.retry", f"identity.setaside:{entry.pk}", detail, now)
    return command


def row(number: int) -> InboxRow:
    """Return the set-aside row as it was in the inbox. Raises NotFound."""
    entry = SetAside.objects.filter(number=number).first()
    if entry is None:
        raise _not_set_aside(number)
    return InboxRow(
        number=entry.number,
        source=entry.source,
        mode=Mode(entry.mode),
        received_at=from_datetime(entry.received_at),
        payload=bytes(entry.payload),
    )


def _not_set_aside(number: int) -> NotFound:
    said = _("No set-aside touchpoint has the number %(number)s.") % {"number": number}
    return NotFound("not_set_aside", said)


def without(touchpoints: Sequence[Touchpoint]) -> list[Touchpoint]:
    """Leave out those that are set aside, which were never folded; one statement."""
    rows = Rows("given", number="bigint")
    found = fetch(
        f"SELECT given.number FROM {rows} JOIN identity_setaside AS s ON s.number = given.number",
        rows.of((one.number,) for one in touchpoints),
    )
    out = {number for (number,) in found}
    return [one for one in touchpoints if one.number not in out]
