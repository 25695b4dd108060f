"""Reading pressure: policies, the ledger, decisions, what a profile's page shows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils.translation import gettext

from activation.pressure import reserve
from activation.pressure.accounts import holding
from activation.pressure.models import Decision, LedgerRow, Policy
from activation.pressure.types import Ask, PersonCap, Status, Verdict
from identity.clock import DAY, Instant, to_datetime
from identity.errors import NotFound
from identity.profiles.types import Facts


def policies() -> QuerySet[Policy]:
    """Return all policies with their published versions."""
    return Policy.objects.select_related("version")


def policy(id_: int) -> Policy:
    """Return one policy. Raises NotFound."""
    found = policies().filter(pk=id_).first()
    if found is None:
        raise NotFound("no_policy", gettext("there is no policy %(id)s") % {"id": id_})
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


@dataclass(frozen=True, slots=True)
class Account:
    """What counted toward caps in the last so many days: contacts by channel, and points."""

    days: int
    contacts: Mapping[str, int]
    points: float


def accounts(profile_id: int, now: Instant, days: Sequence[int] = (7, 30)) -> list[Account]:
    """Add up what a profile received, for each of these numbers of days."""
    rows = ledger(profile_id).filter(counts=True).exclude(status=Status.RELEASED)
    since = to_datetime(now - max(days) * DAY)
    counted = list(rows.filter(effective_at__gt=since))
    return [_added_up(each, counted, to_datetime(now - each * DAY)) for each in days]


def _added_up(days: int, rows: Iterable[LedgerRow], since: datetime) -> Account:
    mine = [row for row in rows if row.effective_at > since]
    contacts = Counter(row.channel for row in mine)
    return Account(days, dict(sorted(contacts.items())), sum(row.points for row in mine) / 100)


def caps(profile_id: int, now: Instant) -> list[PersonCap]:
    """Return the caps of this person's own that hold now: per channel the last word, not what it replaced."""
    found = holding(profile_id, now)
    return sorted(found, key=lambda one: (one.channel, one.until, one.limit))


def uses(row: Decision) -> list[dict[str, Any]]:
    """Return how each policy stood when it was decided."""
    found: list[dict[str, Any]] = msgspec.json.decode(row.uses)
    return found
