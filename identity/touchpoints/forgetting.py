"""Forgetting a source: what it brought is no evidence any more. The lane does it slice by slice, each the command for the next.

First all of its evidence goes, then those are grouped afresh whom it had linked (see identity.profiles.unsettled). A lane that dies takes the slice that it was in once more. Between two slices the lane takes what came in.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.graph.types import Swept
from identity.privacy import audit
from identity.touchpoints import commands
from identity.touchpoints.decode import INTERNAL
from identity.touchpoints.inbox.positions import positions
from identity.touchpoints.models import Forgetting, LaneCommand, Source

FORGET = "sources.forget"  # a lane command: take one slice out
GROUPS = "profiles.settle"  # the one that follows the last: see identity.profiles.unsettled
SLICE = 500  # touchpoints looked at in one transaction of the lane


def ask(source: int, *, actor: str, now: Instant) -> int:
    """Switch a source off for good and ask the lane to take its evidence out; return the first command's row id.

    Raises NotFound, DomainError for a source that is forgotten already, or the product's own. What has stopped goes on where it was.
    """
    with transaction.atomic():
        row = Source.objects.select_for_update().filter(pk=source).first()
        if row is None:
            raise NotFound("no_source", gettext("There is no source %(id)s.") % {"id": source})
        if row.kind == INTERNAL:
            raise DomainError("own_source", gettext("The product's own source stays as it is."))
        made, _ = Forgetting.objects.get_or_create(
            source=row, defaults={"asked_at": now, "asked_by": actor}
        )
        if made.done_at is not None or _goes_on(source):
            raise DomainError("forgotten", gettext("This source is forgotten already."))
        Source.objects.filter(pk=source).update(enabled=False)
        audit.record(actor, "source.forget", f"identity.source:{source}", {}, now)
        return commands.enqueue(FORGET, {"source": source, "after": made.position}, actor, now)


def _goes_on(source: int) -> bool:
    """Tell whether the lane has a slice to do, of either half. It has none when the last one was refused, because lanes died in it."""
    return LaneCommand.objects.filter(
        kind__in=[FORGET, GROUPS], done_at=None, payload__source=source
    ).exists()


def progress(source: int) -> Forgetting:
    """Return how far it has come. Raises NotFound."""
    found = Forgetting.objects.filter(source__pk=source).first()  # bare, 2**63 is an error
    if found is None:
        raise NotFound("not_forgotten", gettext("This source is not being forgotten."))
    return found


def under_way() -> set[int]:
    """Return the sources whose evidence is being taken out, or whose neighbours are being grouped afresh."""
    return set(Forgetting.objects.filter(done_at=None).values_list("source", flat=True))


# --- Carried out by the lane --------------------------------------------------------------------------------------------


class Slice(NamedTuple):
    """The source, and the number above which to go on."""

    source: int
    after: int


def asked_for(payload: Mapping[str, Any]) -> Slice:
    """Read a FORGET command. Raises DomainError."""
    try:
        return Slice(**msgspec.convert(payload, dict[str, int]))
    except (msgspec.ValidationError, TypeError) as error:
        raise DomainError("bad_command", str(error)) from error


def keep(slice_: Slice, swept: Swept, now: Instant) -> None:
    """Write how far it has come and ask for the next slice, in the lane's transaction."""
    row = Forgetting.objects.filter(source=slice_.source)
    row.filter(begun_at=None).update(begun_at=now)
    if swept.after is None:
        return
    row.update(
        position=swept.after,
        until=max(swept.after, *positions().values()),
        touchpoints=F("touchpoints") + swept.touchpoints,
    )
    asked_by = row.values_list("asked_by", flat=True).first() or "lane"
    commands.enqueue(FORGET, {"source": slice_.source, "after": swept.after}, asked_by, now)


def finish(source: int, now: Instant) -> None:
    """Write that all of it is forgotten, and everybody grouped afresh. In the lane's transaction."""
    Forgetting.objects.filter(source=source).update(done_at=now)
