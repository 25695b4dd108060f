"""The table of a source's page: touchpoints that were refused as evidence. They have no owner and count for no profile."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from identity.clock import to_datetime
from identity.graph.port import StoreAway
from identity.privacy.masking import masked
from identity.touchpoints import selectors
from identity.touchpoints.types import Touchpoint

SHOWN = 20
_LONGEST = 19  # digits of a number that no database takes any more


class Table(NamedTuple):
    """One page. `older`: the number below which the next page begins, None on the last. `empty` says why there are no rows."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    older: int | None
    empty: str


def table(source: int, before: str) -> Table:
    """Return the latest below number `before` (digits, else: the latest of all). A store that is away leaves it empty."""
    headers = [_("number"), _("at"), _("event"), _("reason"), _("identifiers"), _("touchpoint")]
    try:
        found = selectors.unowned(source, before=_number(before), limit=SHOWN + 1)
    except StoreAway:
        return Table(headers, [], None, _("The graph store does not answer."))
    older = found[SHOWN - 1].number if len(found) > SHOWN else None
    return Table(headers, [_row(each) for each in found[:SHOWN]], older, _("None."))


def _number(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdigit() and len(said) < _LONGEST else None


def _row(one: Touchpoint) -> Sequence[Any]:
    keys = ", ".join(masked(each.key.replace(":", ": ", 1)) for each in one.identifiers)
    return [
        one.number,
        to_datetime(one.at),
        one.event or "-",
        one.refusal or "-",
        keys or "-",
        one.id,
    ]
