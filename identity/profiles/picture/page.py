"""The drawing as the page of a profile shows it: words for people, personal data masked, and the same in tables."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from identity.clock import DAY, Instant
from identity.graph.policy import Policy
from identity.graph.types import Link, Verdict
from identity.profiles.explain import HUB_LINKS
from identity.profiles.models import Identifier as Row
from identity.profiles.picture.drawing import Dot, Drawing, Tie
from identity.profiles.sections import Names, Section, when
from identity.touchpoints.types import Identifier

COLOURS = 6  # sources that have a colour of their own
_NEARLY = 99.9
_AGES = (DAY, 30 * DAY, 365 * DAY)  # since a link was seen last; beyond the last one it is old


def data(drawing: Drawing, names: Names, policy: Policy, *, now: Instant) -> dict[str, Any]:
    """Return what the script draws: nodes, links between their positions, sources by colour, and every word that it shows."""
    at = {dot.identifier: position for position, dot in enumerate(drawing.dots)}
    sources = _sources(drawing.ties)
    homes = _homes(dot.identifier for dot in drawing.dots if not dot.inside)
    return {
        "nodes": [_node(dot, names, homes, policy) for dot in drawing.dots],
        "links": [
            {
                "a": at[tie.a],
                "b": at[tie.b],
                "sources": sorted({sources[link.source] for link in tie.evidence}),
                "age": _age(tie, now),
                "refused": bool(tie.refused),
                "bridge": tie.bridge,
                "decided": tie.decision is not None,
                "says": list(_says(tie, names, policy)),
            }
            for tie in drawing.ties
        ],
        "sources": _legend(sources, names),
        "words": _words(drawing),
    }


def _node(dot: Dot, names: Names, homes: Mapping[str, str], policy: Policy) -> dict[str, Any]:
    kind = policy[dot.identifier.namespace].kind
    says = [_KINDS[kind.value]()]
    if dot.hub:
        says.append(
            _("Quarantined: too many people around it, so it says nothing about who is who")
        )
    if not dot.inside:
        says.append(_("Belongs to another profile"))
    return {
        "label": names.identifier(dot.identifier),
        "kind": kind.value,
        "inside": dot.inside,
        "hub": dot.hub,
        "page": homes.get(dot.identifier.key, ""),
        "says": says,
    }


_KINDS = {
    "person": lambda: _("Identifies a person"),
    "device": lambda: _("Identifies a device"),
    "cookie": lambda: _("Identifies a browser"),
    "household": lambda: _("Identifies a household"),
}


def _says(tie: Tie, names: Names, policy: Policy) -> Iterable[str]:
    """Yield why the two belong together, or do not."""
    if tie.refused:
        yield refusal(tie.refused, policy)
    if tie.decision:
        yield _("People decided that they are one person")
    if tie.bridge:
        yield _("The only link here: without it the profile falls apart")
    for link in _newest_first(tie.evidence):
        yield ngettext(
            "%(source)s: once, %(first)s",
            "%(source)s: %(count)s times, first %(first)s, last %(last)s",
            link.count,
        ) % {
            "source": names.source(link.source),
            "count": f"{link.count:,}",
            "first": when(link.first_seen),
            "last": when(link.last_seen),
        }
        if link.strength < 1:
            yield guess(link)


def guess(link: Link) -> str:
    """Say how sure a model is that the two are one person. What is nearly sure is not said to be sure."""
    percent = min(link.strength * 100, _NEARLY)
    return _("A guess: %(percent)s %% sure") % {"percent": f"{percent:.1f}"}


def refusal(reason: str, policy: Policy) -> str:
    """Write the reason of a refused link for people."""
    kind, _colon, namespace = reason.partition(":")
    if kind == "max":
        rule = policy.find(namespace)
        told = {"most": rule.max if rule else "?", "namespace": namespace}
        return _("Refused: one profile would have more than %(most)s %(namespace)s") % told
    if kind == "hub":
        return _("Refused: this %(namespace)s has too many people around it") % {
            "namespace": namespace
        }
    if kind == Verdict.UNLINK:
        return _("Refused: people decided that this evidence is void")
    return _("Refused: it would bring two together that people decided to keep apart")


def _newest_first(evidence: Iterable[Link]) -> list[Link]:
    return sorted(evidence, key=lambda link: (-link.last_seen, link.source))


def _age(tie: Tie, now: Instant) -> int:
    """Return 0 for a link of the last day, 1 of the last month, 2 of the last year, 3 for an older one."""
    seen = [link.last_seen for link in tie.evidence]
    last = max([*seen, *([tie.decision.at] if tie.decision else [])], default=0)
    return sum(now - last > age for age in _AGES)


def _sources(ties: Iterable[Tie]) -> dict[int, int]:
    """Return source -> number of its colour, the busiest first; the last colour is everybody else's."""
    links: dict[int, int] = {}
    for tie in ties:
        for link in tie.evidence:
            links[link.source] = links.get(link.source, 0) + 1
    ranked = sorted(links, key=lambda source: (-links[source], source))
    return {source: min(place, COLOURS - 1) for place, source in enumerate(ranked)}


def _legend(sources: Mapping[int, int], names: Names) -> list[str]:
    own = [names.source(source) for source, colour in sources.items() if colour < COLOURS - 1]
    rest = [names.source(source) for source, colour in sources.items() if colour == COLOURS - 1]
    return [*own, *([", ".join(rest)] if rest else [])]


def _homes(others: Iterable[Identifier]) -> dict[str, str]:
    """Return the addresses of the pages of the profiles that these belong to."""
    rows = Row.objects.filter(key__in=[each.key for each in others], forgotten=False)
    return {
        key: reverse("admin:identity_profile_change", args=[profile])
        for key, profile in rows.values_list("key", "profile_id")
    }


def _words(drawing: Drawing) -> dict[str, Any]:
    return {
        "title": _("Identity graph"),
        "hint": _(
            "Point at an identifier or a link, or go through them with the arrow keys, to read what the evidence is."
        ),
        "page": _("Open that profile"),
        "links": _("Links"),
        "kinds": {
            "person": _("person"),
            "device": _("device"),
            "cookie": _("browser"),
            "household": _("household"),
        },
        "outside": _("of another profile"),
        "hub": _("quarantined"),
        "refused": _("refused"),
        "bridge": _("the only link"),
        "decided": _("decided by people"),
        "ages": [_("last day"), _("last month"), _("last year"), _("longer ago")],
        "leftOut": " ".join(filter(None, (left_out(drawing), around(drawing)))),
    }


def left_out(drawing: Drawing) -> str:
    """Say what is not drawn, "" when everything is."""
    if not drawing.left_out:
        return ""
    return _(
        "The %(drawn)s strongest identifiers are drawn; %(left)s more are left out, with their links."
    ) % {"drawn": f"{len(drawing.dots):,}", "left": f"{drawing.left_out:,}"}


def around(drawing: Drawing) -> str:
    """Say of a hub how many people are around it, "" when it is none."""
    if not drawing.people:
        return ""
    return _(
        "%(people)s identifiers of people are around it; the links seen last are shown, %(most)s at most."
    ) % {"people": f"{drawing.people:,}", "most": HUB_LINKS}


# --- The same in tables ---


def tables(drawing: Drawing, names: Names, policy: Policy) -> list[Section]:
    """Return what is drawn as two tables: links that hold, and links that were refused."""
    holding = [tie for tie in drawing.ties if not tie.refused]
    refused = [tie for tie in drawing.ties if tie.refused]
    return [
        table(_("Links"), _latest_first(holding), names, policy, left_out(drawing)),
        table(_("Refused links"), _latest_first(refused), names, policy, around(drawing)),
    ]


def table(
    title: str, ties: Iterable[Tie], names: Names, policy: Policy, note: str = ""
) -> Section:
    """Return a row for each source of each of these, in their order."""
    headers = [
        _("identifier"),
        _("identifier"),
        _("source"),
        _("first"),
        _("last"),
        _("count"),
        _("note"),
    ]
    rows = [
        [
            names.identifier(tie.a),
            names.identifier(tie.b),
            *_seen(link, names),
            _note(tie, link, policy),
        ]
        for tie in ties
        for link in (*_newest_first(tie.evidence), *(() if tie.evidence else (None,)))
    ]
    return Section(title, headers, rows, note)


def _seen(link: Link | None, names: Names) -> list[str]:
    if link is None:
        return ["-", "-", "-", "-"]
    return [
        names.source(link.source),
        when(link.first_seen),
        when(link.last_seen),
        f"{link.count:,}",
    ]


def _note(tie: Tie, link: Link | None, policy: Policy) -> str:
    said = [
        guess(link) if link and link.strength < 1 else "",
        refusal(tie.refused, policy) if tie.refused else "",
        _("decided by people") if tie.decision else "",
        _("the only link") if tie.bridge else "",
    ]
    return "; ".join(filter(None, said)) or "-"


def _latest_first(ties: Iterable[Tie]) -> list[Tie]:
    return sorted(ties, key=_last_seen, reverse=True)


def _last_seen(tie: Tie) -> Instant:
    return max((link.last_seen for link in tie.evidence), default=0)
