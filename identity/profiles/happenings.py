"""The tables of a profile's page that tell what happened: touchpoints, what people decided, merges and splits."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identity.graph.types import Verdict
from identity.profiles import decisions
from identity.profiles.models import Decision
from identity.profiles.sections import Names, Section, moment, text, when
from identity.profiles.selectors import Move
from identity.touchpoints.types import Identifier, Touchpoint

MOVED = 20  # identifiers of one merge or split
WORDS = {
    Verdict.ALWAYS.value: gettext_lazy("are one person"),
    Verdict.NEVER.value: gettext_lazy("are never one person"),
    Verdict.UNLINK.value: gettext_lazy("their evidence is void"),
}
STATES = {
    "waiting": gettext_lazy("waiting"),
    "standing": gettext_lazy("in force"),
    "undone": gettext_lazy("undone"),
}


def history(moves: Sequence[Move], names: Names) -> Section:
    """Return who came and went."""
    return Section(
        _("Merges and splits"),
        [_("at"), _("what"), _("occasion"), _("from"), _("to"), _("identifiers")],
        [
            [
                when(each.at),
                each.kind,
                each.occasion.text,
                each.origin,
                each.target,
                _some(each.identifiers, names),
            ]
            for each in moves
        ],
    )


def _some(identifiers: Sequence[Identifier], names: Names) -> str:
    """Write the first of these, and how many more there are: with a crowd very many come at once."""
    said = ", ".join(map(names.identifier, identifiers[:MOVED]))
    more = len(identifiers) - MOVED
    if more <= 0:
        return said
    return _("%(identifiers)s and %(more)s more") % {"identifiers": said, "more": f"{more:,}"}


def decided(rows: Sequence[Decision], overruled: Mapping[int, str], names: Names) -> Section:
    """Return what people decided about the identifiers of a profile."""
    return Section(
        _("Decisions"),
        [_("decision"), _("identifiers"), _("state"), _("overruled by"), _("decided")],
        [
            [
                WORDS[row.verdict],
                ", ".join(names.identifier(key) for key in (row.a, row.b)),
                STATES[decisions.state(row)],
                overruled.get(row.pk, "-"),
                moment(row.made_at),
            ]
            for row in rows
        ],
    )


def timeline(touchpoints: Sequence[Touchpoint], names: Names) -> Section:
    """Return the touchpoints of one page."""
    return Section(
        _("Timeline"),
        [_("at"), _("event"), _("direction"), _("channel"), _("source"), _("what")],
        [
            [
                when(each.at),
                each.event,
                each.direction or "-",
                each.channel or "-",
                names.source(each.source),
                text(dict(each.properties) or dict(each.traits)),
            ]
            for each in touchpoints
        ],
    )
