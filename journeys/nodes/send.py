"""Send: ask for a message, wait for the answer of stage 6, go on through the port that it names."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from journeys.hours import milliseconds, quiet_until
from journeys.nodes.kind import Config, End, Go, Kind, Known, Move, Stay, Visit
from journeys.types import Answer, Send, Waiting

SENT, CAPPED = "sent", "capped"


class SendConfig(Config, frozen=True):
    """`when_capped` skip: go on through "capped"; defer: wait for room, at most `give_up_after`; exit: leave the journey.

    `message_class` "" means that of the journey's settings.
    """

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    template: int | None = None
    message_class: str = ""
    when_capped: Literal["skip", "defer", "exit"] = "skip"
    give_up_after: timedelta | None = None


class SendNode(Kind):
    name = "send"
    config = SendConfig

    def ports(self, config: SendConfig) -> tuple[str, ...]:
        return (SENT, CAPPED, "unreachable", "failed")

    def optional(self, config: SendConfig) -> frozenset[str]:
        return frozenset({CAPPED, "unreachable", "failed"})

    def step(self, config: SendConfig, visit: Visit) -> Move:
        answer = visit.situation.answer
        if visit.waiting is not None and visit.waiting.asked:
            if answer is None or answer.key != visit.key:
                return Stay(visit.waiting)
            return self._answered(config, visit, answer, visit.waiting)
        if visit.waiting is not None and (visit.waiting.until or 0) > visit.now:
            return Stay(visit.waiting)
        return self._ask(config, visit)

    def _ask(self, config: SendConfig, visit: Visit) -> Move:
        since = visit.waiting.since if visit.waiting else visit.now
        message_class = config.message_class or visit.settings.message_class
        if message_class != "transactional":
            quiet = quiet_until(visit.now, visit.settings.quiet_hours, visit.situation.zone)
            if quiet is not None:
                return Stay(
                    Waiting(since=since, until=quiet), "waits for the end of the quiet hours"
                )
        send = Send(
            key=visit.key,
            node=visit.node,
            visit=visit.count,
            channel=config.channel,
            template=config.template or 0,
            message_class=message_class,
            when_capped=config.when_capped,
            due_at=visit.now,
            give_up_at=_give_up_at(config, since),
        )
        return Stay(Waiting(since=since, asked=True), commands=(send,))

    def _answered(
        self, config: SendConfig, visit: Visit, answer: Answer, waiting: Waiting
    ) -> Move:
        if not answer.port:
            give_up_at = _give_up_at(config, waiting.since)
            if answer.retry_at is None or (
                give_up_at is not None and answer.retry_at > give_up_at
            ):
                return Go(CAPPED, f"gave up waiting for room: {answer.reason}".rstrip(": "))
            # Never at once: a deferral that is due already would ask for ever.
            until = max(answer.retry_at, visit.now + 1)
            return Stay(
                Waiting(since=waiting.since, until=until),
                f"deferred: {answer.reason}".rstrip(": "),
            )
        if answer.port == CAPPED and config.when_capped == "exit":
            return End(f"capped: {answer.reason}".rstrip(": "))
        return Go(answer.port, answer.reason or answer.port)

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.template is None:
            yield "template", "a send needs a template"
        elif known.templates is not None and config.template not in known.templates:
            yield "template", f"template {config.template} does not exist"
        elif known.templates is not None and known.templates[config.template] != config.channel:
            wrong = known.templates[config.template]
            yield (
                "template",
                f"template {config.template} is for {wrong}, not for {config.channel}",
            )
        if known.channels is not None and config.channel not in known.channels:
            yield "channel", f"there is no channel {config.channel!r}"
        if config.give_up_after is not None and config.give_up_after < timedelta(minutes=1):
            yield "give_up_after", "give a deferral at least a minute"


def _give_up_at(config: SendConfig, since: int) -> int | None:
    return None if config.give_up_after is None else since + milliseconds(config.give_up_after)
