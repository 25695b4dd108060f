"""Why somebody entered or left an audience."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from activation.audiences.compiling import Compiled
from activation.audiences.live import Live, LiveAudience
from activation.audiences.matching import Found, Spot
from activation.audiences.rules import Counter
from identity.clock import Instant
from identity.profiles import orders
from identity.profiles.folding import presence
from identity.profiles.types import Arrival, Cause, Resolved
from identity.touchpoints.types import Touchpoint


class Reasons:
    """Why a membership changed in a batch.

    A touchpoint is the cause when it brought something that the rule reads, or somebody new, of whom the rule holds as they are.
    Otherwise the profile itself changed (a merge, a split), or a window ended before the clock's own turn came. Who takes over
    from a profile that was in, and is no more, is in by identity: nothing happened to the person that had not happened before.
    Who was inside before a rule was put in force, but not looked at yet, is in by rule.
    """

    def __init__(
        self,
        resolved: Resolved,
        live: Live,
        found: Mapping[Spot, Sequence[Found]],
        left: Mapping[int, Collection[int]],
        now: Instant,
    ) -> None:
        self._moved = resolved.moved
        self._born = resolved.born
        self._before = {
            profile: {audience for one in emptied for audience in left.get(one, ())}
            for profile, emptied in resolved.inherited.items()
        }
        self._now = now
        self._arrivals = _by_profile(resolved.arrivals)
        self._found: dict[int, set[str]] = defaultdict(set)
        for owner, predicate in found:
            self._found[owner].add(live.predicates[predicate].key)

    def why(self, profile: int, audience: LiveAudience | None) -> tuple[Instant, Cause]:
        return self._now, self._cause(profile, audience)

    def _cause(self, profile: int, audience: LiveAudience | None) -> Cause:
        if audience is None:
            return Cause.IDENTITY if profile in self._moved else Cause.HAND
        if audience.awaits(profile):
            return Cause.RULE
        if audience.id in self._before.get(profile, ()):
            return Cause.IDENTITY
        arrivals = self._arrivals.get(profile, ())
        if arrivals and profile in self._born:
            return Cause.TOUCHPOINT
        if any(touches(one.touchpoint, audience.rule, self._found[one.owner]) for one in arrivals):
            return Cause.TOUCHPOINT
        return Cause.IDENTITY if profile in self._moved else Cause.CLOCK


def touches(touchpoint: Touchpoint, rule: Compiled, matched: Collection[str]) -> bool:
    """Tell whether a touchpoint brought something that a rule reads. `matched`: keys of the predicates that count it."""
    return (
        not rule.traits.isdisjoint(touchpoint.traits)
        or any(_counts(counter, touchpoint) for counter in rule.counters)
        or not rule.keys.isdisjoint(matched)
    )


def _counts(counter: Counter, touchpoint: Touchpoint) -> bool:
    """Tell whether a touchpoint is of the kind that a counter follows."""
    if counter is Counter.FIRST_SEEN:
        return True
    if counter is Counter.LAST_SEEN:
        return presence.acts(touchpoint)
    return orders.counts(touchpoint)


def _by_profile(arrivals: Iterable[Arrival]) -> dict[int, list[Arrival]]:
    sorted_out: dict[int, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        sorted_out[arrival.profile].append(arrival)
    return sorted_out
