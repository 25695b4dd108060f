"""If / else: on traits and counters, audiences, reactions to a message of this journey, consent."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from activation.audiences import reading
from activation.audiences.compiling import Compiled, compile_rule
from identity.errors import DomainError
from identity.privacy.types import said
from journeys.matching import Match, meets
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


class RuleCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True, tag_field="on", tag="rule"
):
    """A rule over traits and counters in the language of audiences: {"trait", "op", "value"}, "counter", "and", "or", "not".

    What somebody did is asked through an audience, which counts it.
    """

    rule: dict[str, Any]

    def __post_init__(self) -> None:
        if self.compiled.dids:
            raise ValueError("what somebody did is asked through an audience")

    @cached_property
    def compiled(self) -> Compiled:
        """The rule as a function. Raises ValueError when it makes no sense."""
        try:
            return compile_rule(reading.parse(self.rule))
        except DomainError as error:
            raise ValueError(error.message) from error

    def holds(self, visit: Visit) -> bool:
        person = visit.situation.person
        return self.compiled.holds(person.traits, person, {}, visit.now)


class AudienceCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="audience"
):
    """The person is in the audience, or not."""

    audience: int
    inside: bool = True

    def holds(self, visit: Visit) -> bool:
        return (self.audience in visit.situation.audiences) is self.inside


class ReactionCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="reaction"
):
    """The person reacted to a message of this journey, or did not: `match.of` names the send node."""

    match: Match
    happened: bool = True

    def holds(self, visit: Visit) -> bool:
        situation = visit.situation
        found = any(
            meets(self.match, seen, enrolment=situation.enrolment, key=situation.key)
            for seen in situation.touchpoints
        )
        return found is self.happened


class ConsentCondition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="on", tag="consent"
):
    """What the person said about a purpose in a channel, or in all ("*") where nothing is said about the one: given, refused, or never asked."""

    purpose: str
    channel: str
    state: Literal["given", "refused", "unsaid"] = "given"

    def holds(self, visit: Visit) -> bool:
        words, channel = visit.situation.person.consent, self.channel.strip().lower()
        return (
            said(words, self.purpose, channel)
            is {"given": True, "refused": False, "unsaid": None}[self.state]
        )


Condition = RuleCondition | AudienceCondition | ReactionCondition | ConsentCondition


class IfElseConfig(Config, frozen=True):
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1)]
    combine: Literal["all", "any"] = "all"


class IfElse(Kind):
    name = "if_else"
    config = IfElseConfig

    def ports(self, config: IfElseConfig) -> tuple[str, ...]:
        return ("yes", "no")

    def step(self, config: IfElseConfig, visit: Visit) -> Move:
        held = [condition.holds(visit) for condition in config.conditions]
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
