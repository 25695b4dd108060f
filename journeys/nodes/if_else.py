"""If / else: on traits, audiences, reactions to a message of this journey, consent."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import msgspec

from journeys.matching import Filter, Match, agrees, meets, values_at
from journeys.nodes.kind import (
    Config,
    Go,
    Kind,
    Known,
    Move,
    Visit,
    unknown_audience,
    unknown_sends,
)
from journeys.types import Situation


class TraitCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="trait"
):
    """A comparison of a trait of the profile."""

    where: Filter

    def holds(self, situation: Situation) -> bool:
        return agrees(self.where, values_at(situation.person.traits, self.where.field))


class AudienceCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="audience"
):
    """The person is in the audience, or not."""

    audience: int
    inside: bool = True

    def holds(self, situation: Situation) -> bool:
        return (self.audience in situation.audiences) is self.inside


class ReactionCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="reaction"
):
    """The person reacted to a message of this journey, or did not: `match.of` names the send node."""

    match: Match
    happened: bool = True

    def holds(self, situation: Situation) -> bool:
        found = any(
            meets(self.match, seen, enrolment=situation.enrolment, key=situation.key)
            for seen in situation.touchpoints
        )
        return found is self.happened


class ConsentCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="consent"
):
    """What the person said about a purpose in a channel: given, refused, or never asked."""

    purpose: str
    channel: str
    state: Literal["given", "refused", "unsaid"] = "given"

    def holds(self, situation: Situation) -> bool:
        said = situation.person.consent.get((self.purpose, self.channel))
        return said is {"given": True, "refused": False, "unsaid": None}[self.state]


Condition = TraitCondition | AudienceCondition | ReactionCondition | ConsentCondition


class IfElseConfig(Config, frozen=True):
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1)]
    combine: Literal["all", "any"] = "all"


class IfElse(Kind):
    name = "if_else"
    config = IfElseConfig

    def ports(self, config: IfElseConfig) -> tuple[str, ...]:
        return ("yes", "no")

    def step(self, config: IfElseConfig, visit: Visit) -> Move:
        held = [condition.holds(visit.situation) for condition in config.conditions]
        met = all(held) if config.combine == "all" else any(held)
        return Go("yes" if met else "no", f"{sum(held)} of {len(held)} conditions hold")

    def matches(self, config: Any) -> Iterable[Match]:
        return [one.match for one in config.conditions if isinstance(one, ReactionCondition)]

    def audiences(self, config: Any) -> Iterable[int]:
        return [one.audience for one in config.conditions if isinstance(one, AudienceCondition)]

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        for audience in self.audiences(config):
            yield from unknown_audience(audience, known)
        yield from unknown_sends(self.matches(config), known)
