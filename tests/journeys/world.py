"""People and touchpoints as rows of a test database, and the lane's way to journeys."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from activation.audiences.types import MembershipChange
from activation.channels.models import ChannelConfig, Kind
from activation.deliveries.models import Template
from activation.deliveries.types import Outcome, SendRequest, SendResult
from identity.clock import HOUR, Instant, from_datetime
from identity.profiles import facts
from identity.profiles.models import Identifier, Profile
from identity.profiles.types import Arrival
from identity.touchpoints.types import BatchContext, Mode, Touchpoint
from identity.touchpoints.types import Identifier as Name
from journeys.enrolments import react, selectors
from journeys.enrolments.models import Enrolment, Step
from journeys.publishing import services
from journeys.publishing.models import Journey

START: Instant = 1_780_000_000_000  # a Thursday in May 2026
_numbers = itertools.count(1)


def templates() -> None:
    """Make the templates that definitions of the tests name."""
    for number in (1, 2, 7):
        Template.objects.get_or_create(
            pk=number, name=f"t{number}", version=1, channel="email", created_at=START
        )


def other_channel(name: str, template: int) -> None:
    """Make a channel that others fetch from, with a template."""
    ChannelConfig.objects.create(name=name, kind=Kind.PULL, addressed_by="", created_at=START)
    Template.objects.create(pk=template, name=name, version=1, channel=name, created_at=START)


def person(*keys: str) -> Profile:
    """Make a profile with identifiers such as "user_id:alice" and "anonymous_id:a1"."""
    profile = Profile.objects.create(uid=str(uuid4()), founder=keys[0], created_at=START)
    for key in keys:
        namespace = key.partition(":")[0]
        kind, priority = {"anonymous_id": ("cookie", 8)}.get(namespace, ("person", 1))
        Identifier.objects.create(
            key=key,
            namespace=namespace,
            kind=kind,
            priority=priority,
            first_number=next(_numbers),
            profile=profile,
        )
    return profile


def move(key: str, profile: Profile) -> None:
    """Let an identifier belong to another profile, as a merge or a split does."""
    Identifier.objects.filter(key=key).update(profile=profile)


def arrival(key: str, event: str, at: Instant, *, lag: Instant = 0, **properties: Any) -> Arrival:
    """Make a touchpoint of an identifier, received `lag` after it happened. `delivery` is the message that it reacts to."""
    row = Identifier.objects.get(key=key)
    delivery = properties.pop("delivery", "")
    number = next(_numbers)
    touchpoint = Touchpoint(
        number=number,
        id=str(uuid4()),
        source=1,
        mode=Mode.LIVE,
        type="track",
        event=event,
        at=at,
        received_at=at + lag,
        identifiers=(Name.of(key),),
        owner=Name.of(key),
        properties=properties,
        context={"filrouge": {"delivery": delivery}} if delivery else {},
    )
    return Arrival(touchpoint, row.pk, row.profile_id)


def context(now: Instant, mode: Mode = Mode.LIVE) -> BatchContext:
    return BatchContext(now=now, horizon=now, mode=mode, epoch=1)


def batch(
    now: Instant,
    *arrivals: Arrival,
    changes: Sequence[MembershipChange] = (),
    moved: Iterable[Profile] = (),
    mode: Mode = Mode.LIVE,
) -> react.Steps:
    """Process a batch as stage 5 does."""
    profiles = {one.profile for one in arrivals} | {one.profile for one in changes}
    people = facts.of(profiles | {one.pk for one in moved})
    return react.react(arrivals, changes, people, context(now, mode))


def wake(now: Instant) -> react.Steps:
    """Let the clock come to this time, as the lane does: who is to be let out comes before who is to be woken up."""
    left = react.leave(context(now), 500)
    return left if left.moved else react.wake(context(now), 500)


def answer(
    request: SendRequest,
    outcome: Outcome = Outcome.QUEUED,
    *,
    now: Instant = START + HOUR,
    **fields: Any,
) -> react.Steps:
    """Tell what became of a send."""
    return react.resume([SendResult(request.key, outcome, 1, **fields)], context(now))


def published(document: Mapping[str, Any], name: str = "journey") -> Journey:
    templates()
    journey = services.create(name, document, "tests", START)
    services.publish(journey.pk, actor="tests", now=START)
    return Journey.objects.get(pk=journey.pk)


def standing() -> list[tuple[str, str, str]]:
    """Return (node, state, reason) of every enrolment, in the order of their ids."""
    return list(Enrolment.objects.order_by("pk").values_list("node", "state", "reason"))


def timeline() -> list[tuple[str, str, str]]:
    return list(Step.objects.order_by("pk").values_list("node", "port", "reason"))


def instant(moment: datetime | None) -> Instant | None:
    return None if moment is None else from_datetime(moment)


def slots(key: str, now: Instant = START) -> dict[str, Any]:
    """Return what the page of this identifier would show."""
    found = selectors.slots(key, now)
    return {name: msgspec.json.decode(content) for name, content in found.items()}
