"""Wait for: the first of several touchpoints since the entry, whichever was processed first, or a time-out."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from identity.clock import Instant
from identity.texts import gettext
from journeys.hours import milliseconds
from journeys.matching import Match, Seen, meets
from journeys.nodes.kind import Config, Go, Kind, Known, Move, Stay, Visit, unknown_sends
from journeys.types import Waiting

TIMEOUT = "timeout"
PortName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_-]{1,40}$")]


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the touchpoints that are waited for, with the port that it opens."""

    port: PortName
    match: Match


class WaitForConfig(Config, frozen=True):
    """`timeout`: an ISO 8601 duration; without it the wait has no end but an exit of the journey."""

    branches: Annotated[tuple[Branch, ...], msgspec.Meta(min_length=1)]
    timeout: timedelta | None = None


class WaitFor(Kind):
    name = "wait_for"
    config = WaitForConfig
    takes_time = True

    def ports(self, config: WaitForConfig) -> tuple[str, ...]:
        ports = dict.fromkeys(branch.port for branch in config.branches)
        return (*ports, TIMEOUT) if config.timeout is not None else tuple(ports)

    def step(self, config: WaitForConfig, visit: Visit) -> Move:
        waiting = visit.waiting or Waiting(
            since=visit.now,
            until=None if config.timeout is None else visit.now + milliseconds(config.timeout),
        )
        if found := _first(config, visit, waiting.until):
            branch, seen = found
            return Go(branch.port, f"{seen.event} happened", taken=(seen.at, seen.number))
        if waiting.until is not None and waiting.until <= visit.now:
            return Go(TIMEOUT, "nothing of it happened in time")
        return Stay(waiting, "" if visit.waiting else "waits for a touchpoint")

    def matches(self, config: Any) -> Iterable[Match]:
        return [branch.match for branch in config.branches]

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.timeout is not None and config.timeout < timedelta(seconds=1):
            yield "timeout", gettext("a time-out is at least a second away")
        if any(branch.port == TIMEOUT for branch in config.branches):
            yield (
                "branches",
                gettext("the port name %(timeout)r is taken by the time-out")
                % {"timeout": TIMEOUT},
            )
        yield from unknown_sends(self.matches(config), known)


def _first(
    config: WaitForConfig, visit: Visit, until: Instant | None
) -> tuple[Branch, Seen] | None:
    """Return the earliest touchpoint that fits, with its branch.

    What happened after the time-out does not count, even when it is seen before the clock looked; nor does a touchpoint that
    this node went on with at an earlier visit, or one before it.
    """
    situation = visit.situation
    for seen in situation.touchpoints:
        if until is not None and seen.at > until:
            return None
        if visit.taken is not None and (seen.at, seen.number) <= tuple(visit.taken):
            continue
        for branch in config.branches:
            if meets(branch.match, seen, enrolment=situation.enrolment, key=situation.key):
                return branch, seen
    return None
