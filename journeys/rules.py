"""The settings of a journey: what holds at every node. Pure."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from journeys.hours import QuietHours
from journeys.matching import Match


class ReEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a person who was in the journey (for keyed entries: with this key) may enter again.

    never: once for ever. always: as soon as the earlier run is over. after: as always, and `gap` after the last entry at the earliest.
    """

    mode: Literal["never", "always", "after"] = "never"
    gap: timedelta = timedelta()


class TouchpointExit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="touchpoint"
):
    """Leave when such a touchpoint happened since the entry."""

    match: Match


class AudienceExit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="audience"
):
    """Leave when the person is in the audience (or, with `inside` false, is not)."""

    audience: int
    inside: bool = True


ExitCriterion = TouchpointExit | AudienceExit


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the journey is for. Counted once per enrolment, within `window` after the entry, holdout included."""

    match: Match
    window: timedelta = timedelta(days=7)
    ends: bool = True


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`holdout` is a percentage; `max_age` bounds received_at - at of a trigger; `time_zone` "" means the site's."""

    re_entry: ReEntry = ReEntry()
    exits: tuple[ExitCriterion, ...] = ()
    goal: Goal | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0
    quiet_hours: QuietHours | None = None
    holdout: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0
    time_zone: str = ""
    message_class: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "marketing"
    max_age: timedelta = timedelta(hours=1)

    def matches(self) -> list[Match]:
        """Return the touchpoints that exits and goal look at."""
        exits = [
            criterion.match for criterion in self.exits if isinstance(criterion, TouchpointExit)
        ]
        return exits + ([self.goal.match] if self.goal else [])

    def audiences(self) -> set[int]:
        return {
            criterion.audience for criterion in self.exits if isinstance(criterion, AudienceExit)
        }
