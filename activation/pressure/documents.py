"""The JSON document of a policy, and how it becomes a value.

{"limit": 3, "window": {"kind": "rolling", "seconds": 604800}, "scope": {"channels": ["email"]}}
{"limit": 1.5, "unit": "points", "window": {"kind": "calendar", "period": "day"}, "audience": 7}
{"mode": "override", "base": 4, "audience": 7, "rank": 10, "limit": 1, "window": {"kind": "rolling", "seconds": 86400}}
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from django.utils.translation import gettext

from activation.pressure.types import (
    Calendar,
    Period,
    Policy,
    PolicyMode,
    Rolling,
    Scope,
    Unit,
    Window,
)
from identity.clock import SECOND
from identity.errors import DomainError

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
_Names = Annotated[tuple[_Name, ...], msgspec.Meta(max_length=100)]
_Row = Annotated[int, msgspec.Meta(ge=1)]

MAX_SECONDS = 3_660 * 86_400


class RollingDocument(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="rolling"
):
    """Any span of so many seconds."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_SECONDS)]


class CalendarDocument(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="calendar"
):
    """An hour, day, week or month of the person's zone; weeks start on `week_start`, 0 is Monday."""

    period: Period
    week_start: Annotated[int, msgspec.Meta(ge=0, le=6)] = 0


class ScopeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which contacts; an empty list means all."""

    channels: _Names = ()
    classes: _Names = ()
    journeys: Annotated[tuple[_Row, ...], msgspec.Meta(max_length=100)] = ()


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person writes. `limit`: messages, or points with up to two decimals."""

    limit: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
    window: RollingDocument | CalendarDocument
    scope: ScopeDocument = ScopeDocument()
    unit: Unit = Unit.MESSAGES
    audience: _Row | None = None
    mode: PolicyMode = PolicyMode.LIMIT
    base: _Row | None = None
    rank: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0
    when_capped: Literal["skip", "defer", "exit"] = "skip"


class BadPolicy(DomainError):
    """A policy document that cannot be read; the message names the field."""

    status = 422

    def __init__(self, message: str) -> None:
        super().__init__("bad_policy", message)


def read(document: Any) -> PolicyDocument:
    """Return the document as a value. Raises BadPolicy."""
    try:
        found = msgspec.convert(document, PolicyDocument)
    except msgspec.ValidationError as error:
        raise BadPolicy(str(error)) from None
    for message in _problems(found):
        raise BadPolicy(message)
    return found


def _problems(found: PolicyDocument) -> list[str]:
    hundredths = Decimal(str(found.limit)) * 100
    whole = 1 if found.unit is Unit.POINTS else 100
    override = found.mode is PolicyMode.OVERRIDE
    checks = [
        (
            hundredths % whole != 0,
            gettext("limit: whole messages, or points with up to two decimals"),
        ),
        (
            override and found.base is None,
            gettext("base: an override names the policy that it replaces"),
        ),
        (
            override and found.audience is None,
            gettext("audience: an override is for one audience"),
        ),
        (
            override and found.scope != ScopeDocument(),
            gettext("scope: an override has the scope of its base"),
        ),
        (not override and found.base is not None, gettext("base: means nothing for a limit")),
    ]
    return [message for wrong, message in checks if wrong]


def to_policy(document: PolicyDocument, *, id: int, version: int, name: str) -> Policy:  # noqa: A002
    """Return the policy that the document describes."""
    return Policy(
        id=id,
        version=version,
        name=name,
        limit=_limit(document),
        window=_window(document.window),
        scope=Scope(
            frozenset(document.scope.channels),
            frozenset(document.scope.classes),
            frozenset(document.scope.journeys),
        ),
        unit=document.unit,
        audience=document.audience,
        mode=document.mode,
        base=document.base,
        rank=document.rank,
        when_capped=document.when_capped,
    )


def _limit(document: PolicyDocument) -> int:
    hundredths = int(Decimal(str(document.limit)) * 100)
    return hundredths if document.unit is Unit.POINTS else hundredths // 100


def _window(document: RollingDocument | CalendarDocument) -> Window:
    if isinstance(document, RollingDocument):
        return Rolling(document.seconds * SECOND)
    return Calendar(document.period, document.week_start)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(PolicyDocument)
