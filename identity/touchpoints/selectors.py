"""Reading what comes in: sources with their keys and refusals, set-aside touchpoints, what was asked of the lane."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from identity import graph
from identity.errors import NotFound
from identity.touchpoints import waiting
from identity.touchpoints.models import LaneCommand, SetAside, Source, WriteKey
from identity.touchpoints.types import Touchpoint


def source(number: int) -> Source:
    """Return a source. Raises NotFound."""
    found = Source.objects.filter(pk=number).first()
    if found is None:
        raise NotFound("no_source", _("There is no source %(id)s.") % {"id": number})
    return found


def key_of(source_: int, number: int) -> WriteKey:
    """Return a write key of this source. Raises NotFound."""
    found = WriteKey.objects.filter(pk=number, source=source_).first()
    if found is None:
        said = _("The source has no write key %(key)s.") % {"key": number}
        raise NotFound("no_such_key", said)
    return found


def unowned(source_: int, *, before: int | None, limit: int) -> Sequence[Touchpoint]:
    """Return touchpoints of this source that were refused as evidence, the latest first, below number `before`. Raises NotFound."""
    return graph.store().unowned(source(source_).pk, before=before, limit=limit)


def set_aside(state: str = "") -> QuerySet[SetAside]:
    """Return the rows that failed alone, in this state (trying, aside, again; "" = any), or those "waiting" for a crowd's turn."""
    rows = SetAside.objects.defer("payload")
    return rows.filter(state=state) if state else rows.exclude(state=waiting.STATE)


def command(number: int) -> LaneCommand:
    """Return a command of the lane. Raises NotFound: it was never given, or was done long ago and forgotten."""
    found = LaneCommand.objects.filter(pk=number).first()
    if found is None:
        raise NotFound("no_command", _("There is no command %(id)s.") % {"id": number})
    return found
