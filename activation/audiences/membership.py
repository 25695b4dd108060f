"""Who is in, compared with who should be: the one place that writes memberships."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from activation.audiences import live as lives
from activation.audiences.compiling import Matches, next_change
from activation.audiences.live import Live, LiveAudience
from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles.types import Cause, Facts
from identity.sql import Rows, execute, fetch

_NO_MATCHES: Matches = {}
_NOBODY: Mapping[int, Instant] = {}


@dataclass(frozen=True, slots=True)
class Look:
    """One profile looked at: what is known of it, what its predicates count, and the instant it is looked at."""

    facts: Facts
    moment: Instant
    matches: Matches = field(default_factory=dict)
    by_hand: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is stored of the profiles looked at: their audiences, and when the clock was to come back to them."""

    inside: Mapping[int, set[int]]
    rechecks: Mapping[int, Instant]


_Since = Mapping[tuple[int, int], tuple[Instant, str]]  # (audience, profile) -> since when, why
_NONE: _Since = {}
WhyOf = Callable[[int, LiveAudience | None], tuple[Instant, Cause]]


def settle(
    looks: Mapping[int, Look],
    live: Live,
    why: WhyOf,
    *,
    gone: Collection[int] = (),
    only: Collection[int] | None = None,
    apart: Mapping[int, Instant] = _NOBODY,
) -> list[MembershipChange]:
    """Make the stored memberships what the rules say, set the rechecks, and return the changes, sorted by profile.

    `why(profile, audience)` gives time and cause of a change; audience None: one whose members are put in by hand, or a
    profile that is `gone` (it has no identifiers left: every membership ends). `only`: leave other audiences to a recheck.
    `apart`: who is a person of their own again -> since when they were taken for one with others.
    """
    standing = _read([*looks, *gone])
    seen = live if only is None else live.only(only)
    changes: list[MembershipChange] = []
    broken: dict[int, str] = {}
    for profile, look in looks.items():
        inside = standing.inside.get(profile, set())
        by_hand = [one for one in seen.manual if (one in look.by_hand) is not (one in inside)]
        turned = [(one.id, one) for one in _turned(look, inside, seen, broken)]
        changes += [
            _change(audience, profile, why(profile, known), entered=audience not in inside)
            for audience, known in (*turned, *((one, None) for one in by_hand))
        ]
    changes += [
        _change(audience, profile, why(profile, None), entered=False)
        for profile in gone
        for audience in sorted(standing.inside.get(profile, ()))
    ]
    store(changes, continued(changes, apart))
    wanted = {one: next_look(look, live, broken) for one, look in looks.items()}
    if only is not None:
        wanted = {one: _sooner(due, standing.rechecks.get(one)) for one, due in wanted.items()}
    _write_rechecks(wanted, standing, gone)
    if broken:
        lives.fail(broken)
    return changes


def _sooner(one: Instant | None, other: Instant | None) -> Instant | None:
    return min((due for due in (one, other) if due is not None), default=None)


def _turned(
    look: Look, inside: set[int], live: Live, broken: dict[int, str]
) -> list[LiveAudience]:
    """Return the audiences whose rules say otherwise than what is stored. Rules that raise are noted, and say nothing."""
    facts, moment, matches = look.facts, look.moment, look.matches
    traits = facts.traits
    try:
        return [
            audience
            for audience in live.ruled
            if audience.rule.holds(traits, facts, matches, moment) is not (audience.id in inside)
        ]
    except Exception:  # noqa: BLE001 - one by one, to find out which it is
        return [
            audience
            for audience in live.ruled
            if _holds(audience, look, broken) not in {None, audience.id in inside}
        ]


def _holds(audience: LiveAudience, look: Look, broken: dict[int, str]) -> bool | None:
    try:
        return audience.rule.holds(look.facts.traits, look.facts, look.matches, look.moment)
    except Exception as error:  # noqa: BLE001 - the reason is stored with the audience
        broken[audience.id] = f"{type(error).__name__}: {error}"
        return None


def _change(
    audience: int, profile: int, reason: tuple[Instant, Cause], *, entered: bool
) -> MembershipChange:
    at, cause = reason
    return MembershipChange(audience, profile, entered, at, cause)


def next_look(look: Look, live: Live, broken: dict[int, str]) -> Instant | None:
    """Return when the clock alone will first change an audience of this profile."""
    if not look.matches and not live.relative:
        return None
    edges = [
        _edge(audience, look, broken) for audience in live.temporal if audience.id not in broken
    ]
    return min((edge for edge in edges if edge is not None), default=None)


def _edge(audience: LiveAudience, look: Look, broken: dict[int, str]) -> Instant | None:
    try:
        return next_change(audience.rule, look.facts, look.matches, look.moment)
    except Exception as error:  # noqa: BLE001 - the reason is stored with the audience
        broken[audience.id] = f"{type(error).__name__}: {error}"
        return None


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


def _read(profiles: Collection[int]) -> _Standing:
    rows = Rows("people", profile="bigint")
    rechecks = fetch(
        f"SELECT r.profile_id, r.due_at FROM {rows}"
        " JOIN activation_recheck AS r ON r.profile_id = people.profile",
        rows.of((profile,) for profile in profiles),
    )
    return _Standing(inside(profiles), dict(rechecks))


def continued(
    changes: Iterable[MembershipChange], apart: Mapping[int, Instant]
) -> dict[tuple[int, int], tuple[Instant, str]]:
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
        f"SELECT back.audience, back.profile, first.at, first.cause FROM {rows}"
        " JOIN activation_membershiplog AS last ON last.id = (SELECT MAX(l.id) FROM activation_membershiplog AS l"
        " WHERE l.profile_id = back.profile AND l.audience_id = back.audience AND l.at < back.came)"
        " JOIN activation_membershiplog AS first ON first.id = (SELECT MAX(l.id) FROM activation_membershiplog AS l"
        " WHERE l.profile_id = back.profile AND l.audience_id = back.audience AND l.at = last.since AND l.entered)"
        " WHERE last.entered",
        rows.of(back),
    )
    return {(audience, profile): (since, cause) for audience, profile, since, cause in found}


def store(
    changes: Sequence[MembershipChange],
    since: _Since = _NONE,
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


def _enter(changes: Sequence[MembershipChange], since: _Since) -> None:
    rows = Rows("entered", audience="bigint", profile="bigint", since="bigint", cause="text")
    execute(
        "INSERT INTO activation_membership (audience_id, profile_id, since, cause)"
        f" SELECT audience, profile, since, cause FROM {rows}",
        rows.of(
            (
                one.audience,
                one.profile,
                *since.get((one.audience, one.profile), (one.at, one.cause.value)),
            )
            for one in changes
        ),
    )


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
    since: _Since = _NONE,
) -> None:
    """Append the changes to the log."""
    rows = Rows(
        "changes",
        audience="bigint",
        profile="bigint",
        entered="boolean",
        at="bigint",
        since="bigint",
        cause="text",
    )
    execute(
        "INSERT INTO activation_membershiplog (audience_id, profile_id, entered, at, since, cause)"
        f" SELECT audience, profile, entered, at, since, cause FROM {rows}",
        rows.of(
            (one.audience, one.profile, one.entered, one.at, _since(one, since), one.cause.value)
            for one in changes
        ),
    )


def _since(one: MembershipChange, since: _Since) -> Instant | None:
    known = since.get((one.audience, one.profile))
    return (known[0] if known else one.at) if one.entered else None


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


def _write_rechecks(
    wanted: Mapping[int, Instant | None], standing: _Standing, gone: Collection[int]
) -> None:
    stored = standing.rechecks
    later = {
        profile: due
        for profile, due in wanted.items()
        if due is not None and stored.get(profile) != due
    }
    if later:
        set_rechecks(later)
    idle = [one for one in stored if one in gone or (one in wanted and wanted[one] is None)]
    if idle:
        rows = Rows("idle", profile="bigint")
        execute(
            f"DELETE FROM activation_recheck WHERE profile_id IN (SELECT profile FROM {rows})",
            rows.of((one,) for one in idle),
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
