"""Who is in, compared with who should be: the one place that decides on memberships (membership_rows.py writes them)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from activation.audiences import live as lives
from activation.audiences import membership_rows as rows
from activation.audiences.compiling import Matches, next_change
from activation.audiences.live import Live, LiveAudience
from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles.types import Cause, Facts

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
    rows.store(changes, rows.continued(changes, apart))
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
        broken[audience.id] = type(error).__name__  # its text may quote a trait
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
        broken[audience.id] = type(error).__name__  # its text may quote a trait
        return None


def _read(profiles: Collection[int]) -> _Standing:
    return _Standing(rows.inside(profiles), rows.rechecks(profiles))


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
        rows.set_rechecks(later)
    idle = [one for one in stored if one in gone or (one in wanted and wanted[one] is None)]
    if idle:
        rows.drop_rechecks(idle)
