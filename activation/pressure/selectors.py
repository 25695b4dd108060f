"""Reading pressure: policies, the ledger, decisions, what a profile's page shows."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from django.db.models import QuerySet

from activation.pressure import reserve
from activation.pressure.models import Decision, LedgerRow, PersonCap, Policy
from activation.pressure.types import Ask, Status, Verdict
from identity.clock import DAY, Instant, to_datetime
from identity.errors import NotFound
from identity.profiles.types import Facts

SHOWN = 20


def policies() -> QuerySet[Policy]:
    """Return all policies with their published versions."""
    return Policy.objects.select_related("version")


def policy(id_: int) -> Policy:
    """Return one policy. Raises NotFound."""
    found = policies().filter(pk=id_).first()
    if found is None:
        raise NotFound("no_policy", f"there is no policy {id_}")
    return found


def ledger(profile_id: int | None = None) -> QuerySet[LedgerRow]:
    """Return the ledger, of one profile if given: of all identifiers that it has now."""
    rows = LedgerRow.objects.all()
    return rows if profile_id is None else rows.filter(owner__profile=profile_id)


def decisions(profile_id: int | None = None) -> QuerySet[Decision]:
    """Return decisions, of one profile if given."""
    rows = Decision.objects.all()
    return rows if profile_id is None else rows.filter(owner__profile=profile_id)


def would_pass(
    person: Facts, channel: str, message_class: str, at: Instant, now: Instant
) -> Verdict:
    """Answer whether a contact would pass, by the very code that decides; nothing is stored."""
    ask = Ask(
        key="",
        profile=person.profile,
        owner=person.strongest,
        channel=channel,
        message_class=message_class,
        due_at=at,
        time_zone=person.time_zone,
    )
    return reserve.weigh([ask], now)[0]


def panel(profile_id: int, now: Instant) -> dict[str, Any]:
    """Return what a profile's page shows: points and contacts of the last 7 and 30 days, rows, refusals, caps of their own."""
    counted = list(
        ledger(profile_id)
        .filter(effective_at__gt=to_datetime(now - 30 * DAY), counts=True)
        .exclude(status=Status.RELEASED)
    )
    recent = [row for row in counted if row.effective_at > to_datetime(now - 7 * DAY)]
    return {
        "last_7_days": _added_up(recent),
        "last_30_days": _added_up(counted),
        "ledger": list(ledger(profile_id).order_by("-effective_at", "-id")[:SHOWN]),
        "refused": list(decisions(profile_id).filter(passed=False).order_by("-id")[:SHOWN]),
        "caps": list(
            PersonCap.objects.filter(owner__profile=profile_id, until__gt=to_datetime(now))
        ),
    }


def _added_up(rows: Iterable[LedgerRow]) -> dict[str, Any]:
    by_channel: dict[str, int] = defaultdict(int)
    points = 0
    for row in rows:
        by_channel[row.channel] += 1
        points += row.points
    return {"contacts": dict(sorted(by_channel.items())), "points": points / 100}


def uses(row: Decision) -> list[dict[str, Any]]:
    """Return how each policy stood when it was decided."""
    found: list[dict[str, Any]] = msgspec.json.decode(row.uses)
    return found
