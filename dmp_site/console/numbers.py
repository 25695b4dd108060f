"""The numbers of the home page, each with how it is computed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from activation.audiences.models import Audience
from activation.audiences.models import State as AudienceState
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from dmp_site.console import navigation
from identity.clock import Instant, from_datetime, to_datetime
from identity.profiles.models import Identifier
from identity.touchpoints import inbox
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway
from identity.touchpoints.models import Batch
from journeys.publishing.models import Journey
from journeys.publishing.models import State as JourneyState


@dataclass(frozen=True, slots=True)
class Number:
    """`measure` gives the value at an instant, None when it cannot be told; `how` says how, for people."""

    title: str | Promise
    how: str | Promise
    permission: str
    target: str
    measure: Callable[[Instant], int | None]


@dataclass(frozen=True, slots=True)
class Card:
    """A number as its reader sees it."""

    title: str | Promise
    how: str | Promise
    link: str
    value: int | None


def midnight(now: Instant) -> Instant:
    """Return when today began in the installation's time zone."""
    local = to_datetime(now).astimezone(ZoneInfo(settings.TIME_ZONE))
    return from_datetime(datetime(local.year, local.month, local.day, tzinfo=local.tzinfo))


def _touchpoints(now: Instant) -> int:
    today = Batch.objects.filter(now__gte=midnight(now))
    return today.aggregate(touchpoints=Sum("touchpoints"))["touchpoints"] or 0


def _backlog(_now: Instant) -> int | None:
    try:
        waiting = inbox.reader().backlog()
    except (ForeignInbox, InboxAway):
        return None
    return waiting.live + waiting.history


NUMBERS: list[Number] = [
    Number(
        _("Profiles"),
        _(
            "Profiles that hold at least one identifier; a merged profile's old page is not counted."
        ),
        "identity.view_profile",
        "identity.profile",
        lambda _now: Identifier.objects.values("profile").distinct().count(),
    ),
    Number(
        _("Touchpoints today"),
        _(
            "Inbox rows that the lane has processed since midnight in the installation's time zone: the sum over its batches."
        ),
        "identity.view_batch",
        "identity.batch",
        _touchpoints,
    ),
    Number(
        _("Live audiences"),
        _("Published audiences; their sizes are exact at the end of each batch."),
        "activation.view_audience",
        "activation.audience",
        lambda _now: Audience.objects.filter(state=AudienceState.LIVE).count(),
    ),
    Number(
        _("Live journeys"),
        _("Published journeys that take people in."),
        "journeys.view_journey",
        "journeys.journey",
        lambda _now: Journey.objects.filter(state=JourneyState.LIVE).count(),
    ),
    Number(
        _("Messages today"),
        _(
            "Deliveries that were handed over to a channel since midnight in the installation's time zone."
        ),
        "activation.view_delivery",
        "activation.delivery",
        lambda now: (
            Delivery.objects.filter(handed_at__gte=midnight(now))
            .exclude(status=DeliveryStatus.QUEUED)  # their channel was away: they wait for it
            .count()
        ),
    ),
    Number(
        _("Waiting"),
        _(
            "Rows of the inbox, live and history, that were acknowledged and are not processed yet."
        ),
        "identity.view_batch",
        "console-health",
        _backlog,
    ),
]


def cards(request: HttpRequest, now: Instant) -> list[Card]:
    """Measure what this user may see."""
    return [
        Card(number.title, number.how, navigation.link(number.target), number.measure(now))
        for number in NUMBERS
        if request.user.has_perm(number.permission)
    ]
