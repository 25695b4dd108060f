"""Send: ask for a message, wait for the answer of stage 6, go on through the port that it names."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from activation.pressure.types import Quiet
from identity.texts import gettext
from journeys.hours import milliseconds, quiet_until
from journeys.nodes.kind import Config, End, Go, Kind, Known, Move, Stay, Visit
from journeys.types import FALLBACK, Answer, Send, Waiting

SENT, CAPPED = "sent", "capped"


class Fallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The message to send instead, over another channel."""

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    template: int | None = None


class SendConfig(Config, frozen=True):
    """What to send, and what to do when the person's account has no room.

    `when_capped` skip: go on through "capped"; defer: wait for room, at most `give_up_after`; exit: leave the journey; fallback:
    try the other channel, and go on through "capped" if that is full too; "": as the policy says that has no room.
    `message_class` "" means that of the journey's settings. `urgent` goes past caps and quiet hours; publishing it takes a permission.
    """

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    template: int | None = None
    message_class: str = ""
    when_capped: Literal["", "skip", "defer", "exit", "fallback"] = ""
    give_up_after: timedelta | None = None
    fallback: Fallback | None = None
    urgent: bool = False


class SendNode(Kind):
    name = "send"
    config = SendConfig

    def ports(self, config: SendConfig) -> tuple[str, ...]:
        return (SENT, CAPPED, "unreachable")

    def optional(self, config: SendConfig) -> frozenset[str]:
        return frozenset({CAPPED, "unreachable"})

    def step(self, config: SendConfig, visit: Visit) -> Move:
        waiting = visit.waiting or Waiting(since=visit.now)
        if waiting.asked:
            answer = visit.situation.answer
            if answer is None or answer.key != _key(visit, waiting):
                return Stay(waiting)
            return self._answered(config, visit, answer, waiting)
        if (waiting.until or 0) > visit.now:
            return Stay(waiting)
        return self._ask(config, visit, waiting)

    def _ask(self, config: SendConfig, visit: Visit, waiting: Waiting, reason: str = "") -> Move:
        message_class = config.message_class or visit.settings.message_class
        if message_class != "transactional" and not config.urgent:
            quiet = quiet_until(visit.now, visit.settings.quiet_hours, visit.situation.zone)
            if quiet is not None:
                return Stay(replace(waiting, until=quiet), "waits for the end of the quiet hours")
        message = (waiting.fallback and config.fallback) or config
        send = Send(
            key=_key(visit, waiting),
            node=visit.node,
            visit=visit.count,
            channel=message.channel,
            template=message.template or 0,
            message_class=message_class,
            when_capped="skip" if waiting.fallback else config.when_capped,
            due_at=waiting.since,
            give_up_at=_give_up_at(config, waiting.since),
            urgent=config.urgent,
            quiet=_quiet(visit),
            zone=visit.settings.time_zone,
        )
        return Stay(replace(waiting, until=None, asked=True), reason, commands=(send,))

    def _answered(
        self, config: SendConfig, visit: Visit, answer: Answer, waiting: Waiting
    ) -> Move:
        if not answer.port:
            return self._deferred(config, visit, answer, waiting)
        if answer.port == CAPPED and answer.when_capped == "exit":
            return End(_said("capped", answer))
        if answer.port == CAPPED and answer.when_capped == "fallback" and config.fallback:
            other = Waiting(since=waiting.since, fallback=True)
            said = _said(f"falls back to {config.fallback.channel}", answer)
            return self._ask(config, visit, other, said)
        return Go(answer.port, answer.reason or answer.port)

    def _deferred(
        self, config: SendConfig, visit: Visit, answer: Answer, waiting: Waiting
    ) -> Move:
        give_up_at = _give_up_at(config, waiting.since)
        too_late = give_up_at is not None and (answer.retry_at or 0) > give_up_at
        if answer.retry_at is None or too_late:
            return Go(CAPPED, _said("gave up waiting for room", answer))
        # Never at once: a deferral that is due already would ask for ever.
        until = max(answer.retry_at, visit.now + 1)
        return Stay(replace(waiting, until=until, asked=False), _said("deferred", answer))

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        yield from _message_problems("", config.channel, config.template, known)
        if (config.when_capped == "fallback") is not (config.fallback is not None):
            yield (
                "fallback",
                gettext("say over which channel, and that it is what to do when capped"),
            )
        if config.fallback is not None:
            other = config.fallback
            yield from _message_problems("fallback.", other.channel, other.template, known)
        if config.give_up_after is not None and config.give_up_after < timedelta(minutes=1):
            yield "give_up_after", gettext("give a deferral at least a minute")


def _message_problems(
    where: str, channel: str, template: int | None, known: Known
) -> Iterator[tuple[str, str]]:
    if template is None:
        yield f"{where}template", gettext("a send needs a template")
    elif known.templates is not None and template not in known.templates:
        yield (
            f"{where}template",
            gettext("template %(template)s does not exist, or is archived")
            % {"template": template},
        )
    elif known.templates is not None and known.templates[template] != channel:
        wrong = known.templates[template]
        yield (
            f"{where}template",
            gettext("template %(template)s is for %(wrong)s, not for %(channel)s")
            % {"template": template, "wrong": wrong, "channel": channel},
        )
    if known.channels is not None and channel not in known.channels:
        yield f"{where}channel", gettext("there is no channel %(channel)r") % {"channel": channel}


def _key(visit: Visit, waiting: Waiting) -> str:
    return visit.key + (FALLBACK if waiting.fallback else "")


def _quiet(visit: Visit) -> tuple[Quiet, ...]:
    hours = visit.settings.quiet_hours
    if hours is None or hours.start == hours.end:
        return ()
    return (Quiet(hours.start.replace(tzinfo=None), hours.end.replace(tzinfo=None)),)


def _said(what: str, answer: Answer) -> str:
    return f"{what}: {answer.reason}" if answer.reason else what


def _give_up_at(config: SendConfig, since: int) -> int | None:
    return None if config.give_up_after is None else since + milliseconds(config.give_up_after)
