"""In which audiences a person would be, since when and why, had nobody ever taken them for somebody else.

What they did is gone through once more, batch by batch as the lane had it, and between two batches the clock turns what it turned then.
Nothing is read or written here.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from activation.audiences import matching
from activation.audiences.compiling import Compiled, Matches, next_change
from activation.audiences.live import Live, LiveAudience
from activation.audiences.reasons import touches
from identity.clock import Instant
from identity.profiles.past import Past
from identity.profiles.types import Cause, Facts
from identity.touchpoints.types import Touchpoint

Held = Mapping[int, tuple[Instant, str]]  # audience -> since when, why


class Then(NamedTuple):
    """A touchpoint with the time of its batch, and the moment as of which that saw people."""

    now: Instant
    moment: Instant
    touchpoint: Touchpoint


def replay(
    person: Facts,
    told: Iterable[Then],
    before: Held,
    live: Live,
    *,
    since: Instant,
    until: Instant,
    founded: int = 0,
) -> Held:
    """Return the audiences that the person is in at the moment `until`, as far as that can be said.

    `told`: all their touchpoints. `before`: the audiences that they were in when they were taken for somebody else, at `since`. Those
    that a rule and `before` disagree about (it was being built then) are left out until the rule turns. `founded`: the number of the
    touchpoint that brought the founder of the person's profile, when that came later: whatever they were in goes over to it then.
    """
    run = _Run(person, live, founded)
    batches = sorted(told, key=lambda one: (one.now, one.moment, one.touchpoint.number))
    earlier = [one.touchpoint for one in batches if one.now < since]
    run.learn(earlier)
    moment = since - 1  # what else happened in that millisecond is gone through
    run.begin(before, moment)
    for (now, at), some in groupby(
        (one for one in batches if since <= one.now), key=lambda one: (one.now, one.moment)
    ):
        run.let_pass(moment, at)
        run.see([one.touchpoint for one in some], now, at)
        moment = max(moment, at)
    run.let_pass(moment, until)
    return run.held


class _Run:
    """The person at a moment. `held`: what is known of where they are in."""

    def __init__(self, person: Facts, live: Live, founded: int) -> None:
        self.held: dict[int, tuple[Instant, str]] = {}
        self._founded = founded
        self._live = live
        self._past = Past(person)
        self._facts = self._past.facts
        self._asked = matching.by_event(live.predicates)
        self._times: dict[int, list[Instant]] = {}  # predicate -> its matches, oldest first
        self._matches: Matches = {}
        self._unsure: set[int] = set()
        self._broken: set[int] = set()
        self._known = False

    def learn(self, touchpoints: Sequence[Touchpoint]) -> dict[str, set[str]]:
        """Fold these; return what each matched: touchpoint -> keys of predicates."""
        found: dict[str, set[str]] = {}
        for touchpoint in touchpoints:
            self._past.add(touchpoint)
            for predicate in matching.matched(touchpoint, self._asked):
                insort(self._times.setdefault(predicate.id, []), touchpoint.at)
                found.setdefault(touchpoint.id, set()).add(predicate.key)
        self._known = self._known or bool(touchpoints)
        self._facts = self._past.facts
        self._matches = self._counted()
        return found

    def _counted(self) -> Matches:
        return {
            predicate.key: times[-predicate.at_least]
            for row, times in self._times.items()
            if len(times) >= (predicate := self._live.predicates[row]).at_least
        }

    def begin(self, before: Held, moment: Instant) -> None:
        if not self._known:
            return
        inside = {one.id for one in self._live.ruled if self._holds(one, moment)}
        if self._founded:
            self._go_over(inside, moment)
        else:
            self._unsure = inside ^ before.keys()
            self.held |= {one: why for one, why in before.items() if one in inside}

    def _go_over(self, audiences: Iterable[int], moment: Instant) -> None:
        self.held |= dict.fromkeys(audiences, (moment, Cause.IDENTITY.value))

    def let_pass(self, after: Instant, until: Instant) -> None:
        """Let the clock alone turn what it turns behind one moment, up to another."""
        if not self._known:
            return
        for audience in self._live.temporal:
            moment = after
            while (edge := self._edge(audience, moment)) is not None and edge <= until:
                self._turn(audience, edge, edge, lambda _rule: Cause.CLOCK)
                moment = edge

    def see(self, touchpoints: Sequence[Touchpoint], now: Instant, moment: Instant) -> None:
        """Take a batch in."""
        born = not self._known
        if any(one.number == self._founded for one in touchpoints):
            self._go_over(list(self.held), now)
        matched = self.learn(touchpoints)

        def cause(rule: Compiled) -> Cause:
            theirs = (touches(one, rule, matched.get(one.id, ())) for one in touchpoints)
            return Cause.TOUCHPOINT if born or any(theirs) else Cause.CLOCK

        for audience in self._live.ruled:
            self._turn(audience, now, moment, cause)

    def _turn(
        self,
        audience: LiveAudience,
        at: Instant,
        moment: Instant,
        cause: Callable[[Compiled], Cause],
    ) -> None:
        """Compare what the rule says with what is held."""
        inside = self._holds(audience, moment)
        if audience.id in self._unsure:
            if not inside:
                self._unsure.discard(audience.id)
        elif not inside:
            self.held.pop(audience.id, None)
        elif audience.id not in self.held:
            self.held[audience.id] = at, cause(audience.rule).value

    def _holds(self, audience: LiveAudience, moment: Instant) -> bool:
        """Ask the rule. One that raises says nothing of this person, from now on."""
        if audience.id in self._broken:
            return False
        try:
            return audience.rule.holds(self._facts.traits, self._facts, self._matches, moment)
        except Exception:  # noqa: BLE001 - the lane notes why with the audience when it asks the rule itself
            self._broken.add(audience.id)
            return False

    def _edge(self, audience: LiveAudience, moment: Instant) -> Instant | None:
        if audience.id in self._broken:
            return None
        try:
            return next_change(audience.rule, self._facts, self._matches, moment)
        except Exception:  # noqa: BLE001 - as above
            self._broken.add(audience.id)
            return None
