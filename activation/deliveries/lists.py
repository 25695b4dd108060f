"""Brings the list that a partner pulls up to date: who is in, who is at a cap, who is out.

Only what changed gets a new number. Works in slices with a transaction each, so that the lane never waits long; two at once do no harm,
since whoever comes second finds nothing to change.
"""

from collections.abc import Collection, Mapping

from django.db import transaction

from activation.deliveries import permission
from activation.deliveries.handover import rules
from activation.deliveries.models import PartnerList
from activation.pressure.reserve import note_refusals, weigh
from activation.pressure.types import Ask, Reason
from identity.clock import SECOND, Instant, from_datetime
from identity.profiles import facts
from identity.profiles.types import Facts
from identity.sql import Rows, execute, fetch

SLICE = 1_000
FRESH = 2 * SECOND
IN, CAPPED, OUT = "in", "capped", "out"


def refresh_if_stale(row: PartnerList, now: Instant) -> None:
    """Bring the list up to date unless that was done a moment ago."""
    if row.refreshed_at is None or from_datetime(row.refreshed_at) + FRESH <= now:
        refresh(row, now)


def refresh(row: PartnerList, now: Instant) -> None:
    """Compare the list with what holds now and number the changes."""
    after = 0
    while members := _members(row, after):
        _tell(row, _states(row, members, now), members, now)
        after = max(members.values())
    with transaction.atomic():
        _drop(row)
        PartnerList.objects.filter(pk=row.pk).update(refreshed_at=now)


def _members(row: PartnerList, after: int) -> dict[int, int]:
    """Return identifiers of the namespace -> profile, of the next profiles of the audience."""
    inside = (
        " WHERE EXISTS (SELECT 1 FROM activation_membership AS m"
        " WHERE m.profile_id = p.id AND m.audience_id = %s) AND p.id > %s"
    )
    return dict(
        fetch(
            "SELECT i.id, i.profile_id FROM identity_identifier AS i WHERE i.namespace = %s AND i.profile_id IN ("
            f"SELECT p.id FROM identity_profile AS p{inside if row.audience_id else ' WHERE p.id > %s'}"
            " AND EXISTS (SELECT 1 FROM identity_identifier AS n WHERE n.profile_id = p.id AND n.namespace = %s)"
            " ORDER BY p.id LIMIT %s)",
            [
                row.namespace,
                *([row.audience_id] if row.audience_id else []),
                after,
                row.namespace,
                SLICE,
            ],
        )
    )


def _states(row: PartnerList, members: Mapping[int, int], now: Instant) -> dict[int, str]:
    """Return identifier -> state. Who may not be contacted on the channel is out; who has no room now is capped.

    Quiet hours are no cap: whether an ad is shown at night is the partner's affair, and a list that turns over twice a day is of no use.
    """
    people = facts.of(set(members.values()))
    asked = rules()
    open_to = {
        profile: person
        for profile, person in people.items()
        if permission.refusal(person, row.channel, row.message_class, asked) is None
    }
    verdicts = weigh([_ask(row, one, now) for one in open_to.values()], now)
    room = {
        profile: IN if verdict.passed or verdict.reason is Reason.QUIET else CAPPED
        for profile, verdict in zip(open_to, verdicts, strict=True)
    }
    return {identifier: room.get(profile, OUT) for identifier, profile in members.items()}


def _ask(row: PartnerList, person: Facts, now: Instant) -> Ask:
    return Ask(
        key=f"list:{row.pk}:{person.profile}",
        profile=person.profile,
        owner=person.strongest,
        channel=row.channel,
        message_class=row.message_class,
        due_at=now,
        time_zone=person.time_zone,
    )


def _tell(
    row: PartnerList, states: Mapping[int, str], members: Mapping[int, int], now: Instant
) -> None:
    """Write what changed under a new number; who was never on the list and is out needs no word.

    Who is at a cap from now on gets a stored decision that says why and until when.
    """
    with transaction.atomic():
        number = _next(row)
        rows = Rows("found", identifier="bigint", state="text")
        changed = fetch(
            "INSERT INTO activation_listentry (list_id, identifier, value, state, number)"
            f" SELECT %s, i.id, substr(i.key, length(i.namespace) + 2), state, %s FROM {rows}"
            " JOIN identity_identifier AS i ON i.id = found.identifier WHERE state <> 'out' OR EXISTS ("
            "SELECT 1 FROM activation_listentry AS e WHERE e.list_id = %s AND e.identifier = found.identifier)"
            " ON CONFLICT (list_id, identifier) DO UPDATE SET state = excluded.state, number = excluded.number"
            " WHERE activation_listentry.state <> excluded.state RETURNING identifier, state",
            [row.pk, number, *rows.of(states.items()), row.pk],
        )
        capped = facts.of(
            {members[identifier] for identifier, state in changed if state == CAPPED}
        )
        note_refusals([_ask(row, person, now) for person in capped.values()], now)


def _drop(row: PartnerList) -> None:
    """Mark entries as out whose person left the audience, or whose identifier is gone."""
    holds = "SELECT 1 FROM identity_identifier AS i"
    parameters: list[object] = [_next(row), row.pk]
    if row.audience_id is not None:
        holds += " JOIN activation_membership AS m ON m.profile_id = i.profile_id AND m.audience_id = %s"
        parameters.append(row.audience_id)
    execute(
        "UPDATE activation_listentry SET state = 'out', number = %s WHERE list_id = %s AND state <> 'out'"
        f" AND NOT EXISTS ({holds} WHERE i.id = activation_listentry.identifier)",
        parameters,
    )


def _next(row: PartnerList) -> int:
    """Take the next number; the row stays locked until the transaction ends, so numbers appear in their order."""
    found = fetch(
        "UPDATE activation_partnerlist SET number = number + 1 WHERE id = %s RETURNING number",
        [row.pk],
    )
    return int(found[0][0])


def changes(
    row: PartnerList, after: tuple[int, int], limit: int
) -> list[tuple[int, int, str, str]]:
    """Return (number, id, identifier without its namespace, state) of entries that changed after (number, id)."""
    return fetch(
        "SELECT e.number, e.id, e.value, e.state FROM activation_listentry AS e"
        " WHERE e.list_id = %s AND (e.number > %s OR (e.number = %s AND e.id > %s))"
        " ORDER BY e.number, e.id LIMIT %s",
        [row.pk, after[0], after[0], after[1], limit],
    )


def holding(identifiers: Collection[int]) -> list[str]:
    """Return the lists ("channel/name") on which these identifiers (row ids) are, at a cap or not."""
    rows = Rows("wanted", identifier="bigint")
    found = fetch(
        "SELECT DISTINCT l.channel, l.name FROM activation_listentry AS e JOIN activation_partnerlist AS l ON l.id = e.list_id"
        f" WHERE e.state <> 'out' AND e.identifier IN (SELECT identifier FROM {rows}) ORDER BY 1, 2",
        rows.of((each,) for each in identifiers),
    )
    return [f"{channel}/{name}" for channel, name in found]
