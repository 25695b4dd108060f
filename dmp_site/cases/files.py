"""Files of cases and vectors, in the format of tests/cases/identity.yaml and tests/cases/normalisation.yaml."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from pathlib import Path

from dmp_site.cases.reading import BadFile, Part, load
from identity.graph import documents
from identity.graph.normalising import NORMALISERS, REGIONS
from identity.graph.policy import Kind, Namespace, Policy

Cluster = frozenset[str]

_FILE = {"cases", "vectors"}
_CASE = {
    *("id", "title", "source", "basis", "note", "policy", "block", "block_regex"),
    *("events", "delete", "expect"),
}
_NAMESPACE = {"priority", "kind", "max", "pii", "hub", "normaliser"}
_EVENT = {"t", "ids", "source", "alias"}
_EXPECT = {"clusters", "removed", "rejected"}
_DELETE = {"dataset", "identity"}
_VECTOR = {
    *("rule", "kind", "in", "norm", "hex", "b64", "alg", "region"),
    *("id", "title", "source", "basis", "note"),
}
_NO_PRIORITY = 99  # as the product's own household has
_OPEN = (None, "-", "", "~", "null")
_REGION = re.compile(r"([A-Z]{2})\s+(.*)")  # "AU 0491 570 006": the region, then the number


@dataclass(frozen=True)
class Event:
    """Identifiers ("namespace:value") that a source saw together at a time; an alias call says that those of `alias` are one."""

    at: Decimal
    identifiers: tuple[str, ...]
    source: str
    alias: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Events under a policy, and what must come out. `gone_source`, `gone_identifier`: deleted after the events, "" for none.

    `clusters` is None where the file does not state them. `removed`: pairs that must be among the refused links.
    """

    name: str
    policy: Policy
    events: tuple[Event, ...]
    clusters: frozenset[Cluster] | None
    removed: frozenset[Cluster]
    rejected: tuple[Decimal, ...]
    gone_source: str = ""
    gone_identifier: str = ""


@dataclass(frozen=True)
class Vector:
    """A clear value, and what the convention `rule` makes of it; "" where the file does not state it."""

    name: str
    rule: str
    kind: str
    clear: str
    region: str
    norm: str
    hex: str
    base64: str
    algorithm: str


@dataclass(frozen=True)
class File:
    """What a file holds."""

    cases: tuple[Case, ...]
    vectors: tuple[Vector, ...]


def read(path: Path) -> File:
    """Read a file. Raises BadFile."""
    whole = Part(load(path), "").mapping(_FILE)
    if not whole:
        raise BadFile("it holds neither cases nor vectors: write them under those keys")
    cases = whole["cases"].items() if "cases" in whole else ()
    vectors = whole["vectors"].items() if "vectors" in whole else ()
    return File(
        tuple(_case(each) for each in _distinct(cases)),
        tuple(one for each in vectors for one in _vectors(each)),
    )


def _distinct(cases: Iterable[Part]) -> Iterator[Part]:
    """Yield the cases, each with its id in its place. Raises BadFile for an id that came before: nobody could tell which one failed."""
    ids = set()
    for each in cases:
        known = each.value.get("id") if isinstance(each.value, Mapping) else None
        named = isinstance(known, str) and known != ""
        part = Part(each.value, f"{each.place} ({known})") if named else each
        if named and known in ids:
            raise part.wrong("another case has this id: give it one of its own")
        ids.add(known if named else None)
        yield part


# --- Cases --------------------------------------------------------------------------------------------------------------


def _case(part: Part) -> Case:
    rows = part.mapping(_CASE)
    _require(part, rows, "policy", "events", "expect")
    expected = rows["expect"].mapping(_EXPECT)
    if not expected:
        raise rows["expect"].wrong("nothing is expected: state clusters, removed or rejected")
    events = tuple(_event(each) for each in rows["events"].items())
    gone = rows["delete"].mapping(_DELETE) if "delete" in rows else {}
    dataset = gone["dataset"].text() if "dataset" in gone else ""
    if dataset and dataset not in {event.source for event in events}:
        raise gone["dataset"].wrong(f"no event has the source {dataset!r}: name one that has")
    return Case(
        name=_name(part, rows),
        policy=_policy(rows),
        events=events,
        clusters=_clusters(expected["clusters"]) if "clusters" in expected else None,
        removed=_pairs(expected["removed"]) if "removed" in expected else frozenset(),
        rejected=_times(expected["rejected"]) if "rejected" in expected else (),
        gone_source=dataset,
        gone_identifier=_identifier(gone["identity"]) if "identity" in gone else "",
    )


def _policy(rows: Mapping[str, Part]) -> Policy:
    """Return the file's policy in the place of the product's: no PII, no normaliser, no hub unless it states one."""
    patterns = tuple(rows["block_regex"].texts()) if "block_regex" in rows else ()
    for pattern in patterns:
        if said := documents.mistake(pattern):
            raise rows["block_regex"].wrong(said)
    return Policy(
        namespaces={
            name: _namespace(name, part) for name, part in rows["policy"].mapping().items()
        },
        blocked_values=frozenset(rows["block"].texts() if "block" in rows else ()),
        blocked_patterns=patterns,
        guesses_pii=False,
    )


def _namespace(name: str, part: Part) -> Namespace:
    rows = part.mapping(_NAMESPACE)
    _require(part, rows, "kind")
    kind = Kind(_choice(rows["kind"], [kind.value for kind in Kind]))
    if kind is not Kind.HOUSEHOLD:
        _require(part, rows, "priority")
    if not name or ":" in name:
        raise part.wrong(f"{name!r} is no name of a namespace: it holds no colon")
    return Namespace(
        name,
        kind,
        _priority(rows["priority"], kind) if "priority" in rows else _NO_PRIORITY,
        max=rows["max"].maybe(_at_least_one) if "max" in rows else None,
        pii=rows["pii"].truth() if "pii" in rows else False,
        hub=rows["hub"].maybe(_at_least_one) if "hub" in rows else None,
        normaliser=_choice(rows["normaliser"], NORMALISERS) if "normaliser" in rows else "none",
    )


def _priority(part: Part, kind: Kind) -> int:
    """Return a priority; a household's decides nothing, and may be left open."""
    if kind is Kind.HOUSEHOLD and part.value in _OPEN:
        return _NO_PRIORITY
    return part.whole(0)


def _at_least_one(part: Part) -> int:
    return part.whole(1)


def _event(part: Part) -> Event:
    rows = part.mapping(_EVENT)
    _require(part, rows, "t", "ids")
    identifiers = tuple(_identifier(each) for each in rows["ids"].items())
    return Event(
        rows["t"].moment(),
        identifiers,
        rows["source"].text() if "source" in rows else "",
        _alias(rows["alias"], identifiers) if "alias" in rows else (),
    )


def _alias(part: Part, identifiers: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is declared to be one, each namespace for itself: the listed ones, or with `true` all that share a namespace."""
    listed = isinstance(part.value, list)
    if not listed and not part.truth():
        return ()
    named = tuple(_identifier(each) for each in part.items()) if listed else identifiers
    names = Counter(each.partition(":")[0] for each in named)
    chosen = tuple(each for each in named if names[each.partition(":")[0]] > 1)
    if not chosen or (listed and chosen != named):
        raise part.wrong("an alias names two or more identifiers of one namespace: list them")
    return chosen


def _identifier(part: Part) -> str:
    text = part.text()
    if not text.partition(":")[0] or ":" not in text:
        raise part.wrong(f"{text!r} is no identifier: write namespace:value")
    return text


def _clusters(part: Part) -> frozenset[Cluster]:
    found = [frozenset(_identifier(one) for one in each.items()) for each in part.items()]
    for one, other in combinations(found, 2):
        if shared := sorted(one & other):
            raise part.wrong(f"{shared[0]!r} is in two clusters: leave it in one")
    return frozenset(found)


def _pairs(part: Part) -> frozenset[Cluster]:
    found = []
    for each in part.items():
        pair = frozenset(_identifier(one) for one in each.items())
        if len(pair) != 2:  # noqa: PLR2004 - a link has two ends
            raise each.wrong("a link has two different ends: write [one, other]")
        found.append(pair)
    return frozenset(found)


def _times(part: Part) -> tuple[Decimal, ...]:
    return tuple(sorted(each.moment() for each in part.items()))


# --- Vectors ------------------------------------------------------------------------------------------------------------


def _vectors(part: Part) -> list[Vector]:
    """Return a vector for each clear value."""
    rows = part.mapping(_VECTOR)
    _require(part, rows, "rule", "kind", "in")
    if not rows.keys() & {"norm", "hex", "b64"}:
        raise part.wrong("nothing is expected: state norm, hex or b64")
    names = ("id", "rule", "kind", "region", "norm", "hex", "b64")
    said = {name: rows[name].text() if name in rows else "" for name in names}
    algorithm = _choice(rows["alg"], ("sha1", "sha256")) if "alg" in rows else "sha256"
    return [
        Vector(
            name=f"{said['id'] or part.place} {said['rule']} {said['kind']} {clear!r}",
            rule=said["rule"],
            kind=said["kind"],
            clear=number,
            region=region,
            norm=said["norm"],
            hex=said["hex"].lower(),
            base64=said["b64"],
            algorithm=algorithm,
        )
        for clear in rows["in"].texts()
        for region, number in [_with_region(said["kind"], clear, said["region"])]
    ]


def _with_region(kind: str, clear: str, region: str) -> tuple[str, str]:
    found = _REGION.fullmatch(clear) if kind == "phone" else None
    if found and found[1] in REGIONS:
        return found[1], found[2]
    return region, clear


# --- Both ---------------------------------------------------------------------------------------------------------------


def _name(part: Part, rows: Mapping[str, Part]) -> str:
    said = [rows[key].text() for key in ("id", "title") if key in rows]
    return ": ".join(said) or part.place


def _require(part: Part, rows: Mapping[str, Part], *names: str) -> None:
    for name in names:
        if name not in rows:
            raise part.wrong(f"{name} is missing: write {name}: …")


def _choice(part: Part, known: Collection[str]) -> str:
    text = part.text()
    if text not in known:
        raise part.wrong(f"{text!r} is none of {', '.join(known)}")
    return text
