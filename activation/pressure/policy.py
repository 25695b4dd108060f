"""What the policies say to one ask. Pure: the same account, policies and instant always give the same verdict.

All matching limit policies hold together. An override takes the place of the one policy that it names, for the members of its
audience; of several the highest rank wins, then the strictest. It has its base's scope and unit, so that a rule about a type
never loosens one about a channel by accident.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from zoneinfo import ZoneInfo

from activation.pressure import windows
from activation.pressure.costs import Costs
from activation.pressure.types import (
    Ask,
    Contact,
    MessageClass,
    PersonCap,
    Policy,
    PolicyMode,
    Quiet,
    Reason,
    Rolling,
    Scope,
    Unit,
    Use,
    Verdict,
)
from identity.clock import DAY, Instant

FOREVER: Instant = 2**62
FARTHEST = 400 * DAY  # an earliest time further away than this is "never"
UNKNOWN_WEIGHT = 100


@dataclass(frozen=True)
class Rulebook:
    """Everything that holds at one moment: policies, weights (in hundredths), classes, quiet hours, the site's zone."""

    policies: Sequence[Policy] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, MessageClass] = field(default_factory=dict)
    quiet: Sequence[Quiet] = ()
    zone: str = "UTC"

    def message_class(self, name: str) -> MessageClass:
        """Return the class; one that nobody described obeys every cap and counts."""
        return self.classes.get(name) or MessageClass(name)

    def points(self, channel: str, message_class: str) -> int:
        """Return the cost of a contact in hundredths, rounded up."""
        weight = self.weights.get(channel, UNKNOWN_WEIGHT)
        return -(-weight * self.message_class(message_class).weight // 100)


@dataclass(frozen=True, slots=True)
class Account:
    """A person as pressure knows them: every contact of all their identifiers, audiences, caps of their own."""

    contacts: Sequence[Contact] = ()
    audiences: frozenset[int] = frozenset()
    caps: Sequence[PersonCap] = ()
    _costs: dict[tuple[Scope, Unit], Costs] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def with_contact(self, contact: Contact) -> "Account":
        return replace(self, contacts=[*self.contacts, contact])

    def costs(self, scope: Scope, unit: Unit) -> Costs:
        """Return what a limit of this scope counts; put in order once, however many asks and limits want it."""
        if (scope, unit) not in self._costs:
            self._costs[scope, unit] = Costs(
                (one.at, one.points if unit is Unit.POINTS else 1)
                for one in self.contacts
                if one.counts and _in_scope(scope, one.channel, one.message_class, one.journey)
            )
        return self._costs[scope, unit]


@dataclass(frozen=True, slots=True)
class _Constraint:
    """One limit that binds an ask while `since` <= t < `until`."""

    policy: Policy
    costs: Costs
    cost: int
    zone: ZoneInfo
    since: Instant = -FOREVER
    until: Instant = FOREVER

    def use(self, at: Instant) -> int:
        return windows.use(self.policy.window, self.costs, at, self.zone)

    def free(self, at: Instant) -> Instant:
        """Return the first instant from `at` on that this limit allows; FOREVER when there is none."""
        if at >= self.until:
            return at
        if at < self.since:
            return at
        room = self.policy.limit - self.cost
        found = windows.free(self.policy.window, self.costs, at, self.zone, room)
        return self.until if found is None else min(found, self.until)

    def binds(self, at: Instant) -> bool:
        return self.since <= at < self.until


def order(ask: Ask) -> tuple[int, float, Instant, bytes]:
    """Return the sort key by which asks compete: priority, expected value, due time, then a hash that never changes."""
    digest = hashlib.blake2b(ask.key.encode(), digest_size=16).digest()
    return -ask.priority, -ask.expected_value, ask.due_at, digest


def weigh(ask: Ask, account: Account, book: Rulebook, now: Instant) -> Verdict:
    """Return the verdict on one ask."""
    kind = book.message_class(ask.message_class)
    at = max(ask.due_at, now)
    points = book.points(ask.channel, ask.message_class)
    passed = Verdict(
        passed=True,
        reason=Reason.EXEMPT,
        at=at,
        cost=points,
        counts=kind.counts_toward_caps,
        earliest=at,
    )
    if not kind.obeys_caps:
        return passed
    constraints = list(_constraints(ask, account, book, points, at))
    uses = tuple(_use(one, at) for one in constraints if one.binds(at))
    earliest = _earliest(constraints, _quiets(ask, book), _zone(ask, book), at)
    if earliest == at:
        return replace(passed, reason=Reason.ROOM, uses=uses)
    winner = next((one for one in uses if not one.room), None)
    if ask.urgent:
        return replace(passed, reason=Reason.URGENT, uses=uses, winner=winner)
    reason = Reason.NEVER if earliest is None else Reason.CAPPED if winner else Reason.QUIET
    return replace(
        passed, passed=False, reason=reason, earliest=earliest, uses=uses, winner=winner
    )


def quiet_until(ask: Ask, book: Rulebook, now: Instant) -> Instant:
    """Return when quiet hours let the ask go: `now`, or their end."""
    if ask.urgent or not book.message_class(ask.message_class).obeys_caps:
        return now
    found = _earliest([], _quiets(ask, book), _zone(ask, book), now)
    return FOREVER if found is None else found


def as_contact(ask: Ask, verdict: Verdict) -> Contact:
    """Return what a passed ask adds to the account."""
    return Contact(
        verdict.at, ask.channel, ask.message_class, ask.journey, verdict.cost, verdict.counts
    )


def _zone(ask: Ask, book: Rulebook) -> ZoneInfo:
    return windows.zone_named(ask.time_zone, book.zone)


def _quiets(ask: Ask, book: Rulebook) -> list[Quiet]:
    return [
        one for one in (*book.quiet, *ask.quiet) if not one.channels or ask.channel in one.channels
    ]


# --- Which limits bind ---


def _constraints(
    ask: Ask, account: Account, book: Rulebook, points: int, at: Instant
) -> Iterator[_Constraint]:
    """Yield the limits on this ask: caps of the person's own (a merge may bring several together; all hold), then policies."""
    zone = _zone(ask, book)
    caps = [one for one in account.caps if one.channel == ask.channel and one.until > at]
    for cap in caps:
        yield _constraint(_cap_policy(cap), account, points, zone, until=cap.until)
    freed = max((cap.until for cap in caps), default=-FOREVER)
    only_here = Scope(channels=frozenset({ask.channel}))
    for base in book.policies:
        if base.mode is PolicyMode.LIMIT and _concerns(base, ask, account):
            policy = _in_force(base, book.policies, account)
            since = freed if base.scope == only_here else -FOREVER
            yield _constraint(policy, account, points, zone, since=since)


def _constraint(
    policy: Policy, account: Account, points: int, zone: ZoneInfo, **bounds: Instant
) -> _Constraint:
    costs = account.costs(policy.scope, policy.unit)
    return _Constraint(policy, costs, _cost(policy, points), zone, **bounds)


def _concerns(policy: Policy, ask: Ask, account: Account) -> bool:
    inside = policy.audience is None or policy.audience in account.audiences
    return inside and _in_scope(policy.scope, ask.channel, ask.message_class, ask.journey)


def _in_scope(scope: Scope, channel: str, message_class: str, journey: int | None) -> bool:
    return (
        (not scope.channels or channel in scope.channels)
        and (not scope.classes or message_class in scope.classes)
        and (not scope.journeys or journey in scope.journeys)
    )


def _in_force(base: Policy, policies: Sequence[Policy], account: Account) -> Policy:
    """Return the base, or the override that takes its place for this person."""
    overrides = [
        one
        for one in policies
        if one.mode is PolicyMode.OVERRIDE
        and one.base == base.id
        and one.audience in account.audiences
    ]
    if not overrides:
        return base
    chosen = min(overrides, key=lambda one: (-one.rank, *_strictness(one)))
    return replace(chosen, scope=base.scope, unit=base.unit)


def _strictness(policy: Policy) -> tuple[Fraction, int, int]:
    """Sort the strictest first: the least per time, then the smaller limit, then the older policy."""
    return Fraction(policy.limit, windows.length(policy.window)), policy.limit, policy.id


def _cap_policy(cap: PersonCap) -> Policy:
    return Policy(
        id=0,
        version=0,
        name=f"own cap: {cap.channel}",
        limit=cap.limit,
        window=Rolling(cap.window),
        scope=Scope(channels=frozenset({cap.channel})),
    )


def _cost(policy: Policy, points: int) -> int:
    return points if policy.unit is Unit.POINTS else 1


def _use(constraint: _Constraint, at: Instant) -> Use:
    policy, used = constraint.policy, constraint.use(at)
    return Use(
        policy=policy.id or None,
        version=policy.version or None,
        name=policy.name,
        unit=policy.unit,
        use=used,
        cost=constraint.cost,
        limit=policy.limit,
        room=used + constraint.cost <= policy.limit,
        when_capped=policy.when_capped,
    )


def _earliest(
    constraints: Sequence[_Constraint], quiets: Sequence[Quiet], zone: ZoneInfo, at: Instant
) -> Instant | None:
    """Return the first instant from `at` on that everything allows; None when there is none within 400 days.

    Each limit alone says from when on it could allow; none of them can be wrong about an earlier instant, so going to the latest of
    these again and again ends at the first instant on which all agree.
    """
    moment = at
    while moment <= at + FARTHEST:
        latest = max(
            (
                *(one.free(moment) for one in constraints),
                *(windows.quiet_end(one, moment, zone) for one in quiets),
            ),
            default=moment,
        )
        if latest == moment:
            return moment
        moment = latest
    return None
