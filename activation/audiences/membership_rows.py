"""Memberships, their log, the sizes of audiences and the rechecks as rows: read and written by sets."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles.types import Cause
from identity.sql import Rows, execute, fetch

Held = tuple[Instant, str]  # since when somebody is in an audience, and why
Since = Mapping[tuple[int, int], Held]  # (audience, profile) -> since when, why
_NONE: Since = {}


def inside(profiles: Collection[int]) -> dict[int, set[int]]:
    """Return the audiences that these profiles are stored to be in."""
    if not profiles:
        return {}
    rows = Rows("people", profile="bigint")
    found: dict[int, set[int]] = {}
    for profile, audience in fetch(
        f"SELECT m.profile_id, m.audience_id FROM {rows}"
        " JOIN activation_membership AS m ON m.profile_id = people.profile",
        rows.of((profile,) for profile in profiles),
    ):
        found.setdefault(profile, set()).add(audience)
    return found


def rechecks(profiles: Collection[int]) -> dict[int, Instant]:
    """Return when the clock is to come to these profiles, of those to whom it is."""
    rows = Rows("people", profile="bigint")
    found = fetch(
        f"SELECT r.profile_id, r.due_at FROM {rows}"
        " JOIN activation_recheck AS r ON r.profile_id = people.profile",
        rows.of((profile,) for profile in profiles),
    )
    return dict(found)


def continued(
    changes: Iterable[MembershipChange], apart: Mapping[int, Instant]
) -> dict[tuple[int, int], Held]:
    """Return (audience, profile) -> since when and why, of memberships that a merge had ended and its split gives back.

    Who was in when the merge came, and is in again by the split alone, has been in all the time; one statement, none without a split.
    """
    rows = Rows("back", audience="bigint", profile="bigint", came="bigint")
    back = [
        (one.audience, one.profile, apart[one.profile])
        for one in changes
        if one.entered and one.cause is Cause.IDENTITY and one.profile in apart
    ]
    if not back:
        return {}
    found = fetch(
        f"SELECT back.audience, back.profile, last.since, last.why FROM {rows}"
        " JOIN activation_membershiplog AS last ON last.id = (SELECT MAX(l.id) FROM activation_membershiplog AS l"
        " WHERE l.profile_id = back.profile AND l.audience_id = back.audience AND l.at < back.came)"
        " WHERE last.entered",
        rows.of(back),
    )
    return {(audience, profile): (since, cause) for audience, profile, since, cause in found}


def before(came: Mapping[int, Instant]) -> dict[int, dict[int, Held]]:
    """Return the audiences that these profiles were in just before a moment each, since when and why; one statement."""
    rows = Rows("given", profile="bigint", came="bigint")
    found: dict[int, dict[int, Held]] = {}
    for profile, audience, since, why in fetch(
        f"SELECT given.profile, last.audience_id, last.since, last.why FROM {rows}"
        " JOIN activation_membershiplog AS last ON last.profile_id = given.profile"
        " WHERE last.entered AND last.at < given.came AND NOT EXISTS"
        " (SELECT 1 FROM activation_membershiplog AS later WHERE later.profile_id = given.profile"
        " AND later.id > last.id AND later.audience_id = last.audience_id AND later.at < given.came)",
        rows.of(came.items()),
    ):
        found.setdefault(profile, {})[audience] = since, why
    return found


def correct(held: Since) -> None:
    """Write since when and why profiles are in audiences, where it is known better now; who is not in any more is passed over."""
    if not held:
        return
    rows = Rows("held", audience="bigint", profile="bigint", since="bigint", why="text")
    given = rows.of((*spot, *why) for spot, why in held.items())
    membership = "activation_membership"
    execute(
        f"UPDATE {membership} SET since = held.since, cause = held.why FROM {rows}"
        f" WHERE {membership}.profile_id = held.profile AND {membership}.audience_id = held.audience"
        f" AND ({membership}.since <> held.since OR {membership}.cause <> held.why)",
        given,
    )
    log = "activation_membershiplog"
    execute(
        f"UPDATE {log} SET since = held.since, why = held.why FROM {rows}"
        f" WHERE {log}.id = (SELECT MAX(l.id) FROM {log} AS l WHERE l.profile_id = held.profile"
        f" AND l.audience_id = held.audience) AND {log}.entered"
        f" AND ({log}.since <> held.since OR {log}.why <> held.why)",
        given,
    )


def store(
    changes: Sequence[MembershipChange],
    since: Since = _NONE,
) -> None:
    """Store the changes: memberships, sizes, the log. `since`: see `continued`."""
    entered = [one for one in changes if one.entered]
    left = [one for one in changes if not one.entered]
    if entered:
        _enter(entered, since)
    if left:
        leave((one.audience, one.profile) for one in left)
    if changes:
        log(changes, since)
        resize(_difference(changes))


def _enter(changes: Sequence[MembershipChange], since: Since) -> None:
    rows = Rows("entered", audience="bigint", profile="bigint", since="bigint", cause="text")
    execute(
        "INSERT INTO activation_membership (audience_id, profile_id, since, cause)"
        f" SELECT audience, profile, since, cause FROM {rows}",
        rows.of(
            (
                one.audience,
                one.profile,
                *_since(one, since),
            )
            for one in changes
        ),
    )


def _since(one: MembershipChange, since: Since) -> Held:
    return since.get((one.audience, one.profile), (one.at, one.cause.value))


def leave(pairs: Iterable[tuple[int, int]]) -> None:
    """Delete memberships, given as (audience, profile)."""
    rows = Rows("gone", audience="bigint", profile="bigint")
    execute(
        "DELETE FROM activation_membership"
        f" WHERE (profile_id, audience_id) IN (SELECT profile, audience FROM {rows})",
        rows.of(pairs),
    )


def log(
    changes: Sequence[MembershipChange],
    since: Since = _NONE,
) -> None:
    """Append the changes to the log."""
    rows = Rows(
        "changes",
        audience="bigint",
        profile="bigint",
        entered="boolean",
        at="bigint",
        cause="text",
        since="bigint",
        why="text",
    )
    execute(
        "INSERT INTO activation_membershiplog (audience_id, profile_id, entered, at, cause, since, why)"
        f" SELECT audience, profile, entered, at, cause, since, why FROM {rows}",
        rows.of(
            (
                one.audience,
                one.profile,
                one.entered,
                one.at,
                one.cause.value,
                *(_since(one, since) if one.entered else (None, "")),
            )
            for one in changes
        ),
    )


def _difference(changes: Iterable[MembershipChange]) -> dict[int, int]:
    difference: dict[int, int] = {}
    for one in changes:
        difference[one.audience] = difference.get(one.audience, 0) + (1 if one.entered else -1)
    return {audience: change for audience, change in difference.items() if change}


def resize(difference: Mapping[int, int]) -> None:
    """Add to the sizes of audiences."""
    if not difference:
        return
    rows = Rows("difference", audience="bigint", change="bigint")
    execute(
        "UPDATE activation_build SET size = size + difference.change"
        f" FROM {rows} WHERE audience_id = difference.audience",
        rows.of(difference.items()),
    )


def set_rechecks(due: Mapping[int, Instant]) -> None:
    """Set when the clock comes to these profiles, whatever was set before."""
    rows = Rows("due", profile="bigint", due_at="bigint")
    execute(
        "INSERT INTO activation_recheck (profile_id, due_at)"
        f" SELECT profile, due_at FROM {rows} WHERE true"
        " ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at",
        rows.of(due.items()),
    )


def drop_rechecks(profiles: Collection[int]) -> None:
    """Let the clock come to these profiles no more."""
    rows = Rows("idle", profile="bigint")
    execute(
        f"DELETE FROM activation_recheck WHERE profile_id IN (SELECT profile FROM {rows})",
        rows.of((one,) for one in profiles),
    )


def forget(profiles: Collection[int]) -> int:
    """Delete the memberships of people who are erased, without a word in the log; return how many."""
    if not profiles:
        return 0
    rows = Rows("gone", profile="bigint")
    left = fetch(
        f"DELETE FROM activation_membership WHERE profile_id IN (SELECT profile FROM {rows}) RETURNING audience_id",
        rows.of((each,) for each in profiles),
    )
    resize({audience: -count for audience, count in Counter(row for (row,) in left).items()})
    return len(left)
