"""Visits as intervals: activity with less than 30 minutes of silence in it. No Django, no clock.

An interval's ends are moments of activity, so that joining intervals gives what joining the moments would have given, whatever
the sequence in which they come.
"""

from collections.abc import Iterable
from typing import NamedTuple

from identity.clock import MINUTE, Instant
from identity.graph.policy import Kind, Policy
from identity.touchpoints.types import Direction, Identifier, Touchpoint

SILENCE = 30 * MINUTE
_CHANNELS = frozenset({"site", "app"})


class Interval(NamedTuple):
    """From the first to the last touchpoint of a visit, and how many there were."""

    started_at: Instant
    ended_at: Instant
    touchpoints: int


def is_activity(touchpoint: Touchpoint) -> bool:
    """Say whether a touchpoint is part of a visit: what a person does on the site or in the app."""
    return touchpoint.direction is Direction.INBOUND and touchpoint.channel in _CHANNELS


def visitor(touchpoint: Touchpoint, policy: Policy) -> Identifier | None:
    """Return whose visit it is: the cookie's or the device's, else the owner's."""
    device: Identifier | None = None
    for identifier in touchpoint.identifiers:  # the strongest first
        kind = policy[identifier.namespace].kind
        if kind is Kind.COOKIE:
            return identifier
        if kind is Kind.DEVICE and device is None:
            device = identifier
    return device or touchpoint.owner


def join(intervals: Iterable[Interval]) -> list[Interval]:
    """Join the intervals of one visitor that are less than 30 minutes apart; return them in the order of time."""
    joined: list[Interval] = []
    for one in sorted(intervals):
        if joined and one.started_at - joined[-1].ended_at < SILENCE:
            last = joined[-1]
            joined[-1] = Interval(
                last.started_at,
                max(last.ended_at, one.ended_at),
                last.touchpoints + one.touchpoints,
            )
        else:
            joined.append(one)
    return joined
