"""The definition of a journey: one JSON document, parsed into frozen values. Pure.

    {"schema_version": 1, "settings": {…}, "nodes": {id: {"type", "config", "ports", "name"}},
     "edges": [{"from", "port", "to"}], "layout": {id: {"x", "y"}}}

`ports` of a node follow from its type and configuration; they are written out for readers and checked when given. Layout is apart
from the logic: moving a box makes no new version. The JSON Schema (journeys/schema.py) is generated from the same values.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from identity.texts import gettext
from journeys.matching import Match, Path
from journeys.nodes import KINDS
from journeys.nodes.kind import Config, Kind
from journeys.rules import Settings

SCHEMA_VERSION = 1
NodeId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]
MOST_NODES = 500


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the designer draws a node."""

    x: float
    y: float


class Edge(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"source": "from", "target": "to"},
):
    """From a port of a node to the next node."""

    source: NodeId
    port: str
    target: NodeId


class _RawNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    config: dict[str, Any] = {}
    ports: tuple[str, ...] | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nodes: dict[str, Any]
    schema_version: Literal[1] = 1
    settings: Settings = Settings()
    edges: tuple[Edge, ...] = ()
    layout: dict[str, Point] = {}


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong with a definition; `node` and `field` say where ("" = the whole document)."""

    node: str
    field: str
    message: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.node and f"node {self.node}", self.field) if part)
        return f"{where}: {self.message}" if where else self.message


class Invalid(Exception):
    """The document is no definition; every problem is named."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Node:
    """A node with its configuration; `kind` knows what it does."""

    id: str
    kind: Kind
    config: Config
    name: str = ""

    @property
    def ports(self) -> tuple[str, ...]:
        return self.kind.ports(self.config)


@dataclass(frozen=True)
class Definition:
    """A journey as a graph. `targets`: (node, port) -> the next node."""

    nodes: Mapping[str, Node]
    settings: Settings = field(default_factory=Settings)
    edges: tuple[Edge, ...] = ()
    layout: Mapping[str, Point] = field(default_factory=dict)
    targets: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def entries(self) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.kind.starts)

    def watched(self) -> dict[str, frozenset[Path]]:
        """Return the events that exits, goal and nodes look at, with the properties that they ask for."""
        events: dict[str, frozenset[Path]] = {}
        for match in self._matches():
            events[match.event] = events.get(match.event, frozenset()) | match.paths()
        return events

    @cached_property
    def listens(self) -> bool:
        """Whether any touchpoint matters to people inside."""
        return bool(self.watched())

    @cached_property
    def asked(self) -> frozenset[int]:
        """The audiences whose membership is asked about on the way."""
        asked = (node.kind.audiences(node.config) for node in self.nodes.values())
        return frozenset(self.settings.audiences().union(*asked))

    def _matches(self) -> Iterator[Match]:
        yield from self.settings.matches()
        for node in self.nodes.values():
            yield from node.kind.matches(node.config)


def parse(document: Any) -> Definition:
    """Turn a JSON document (as Python values) into a definition. Raises Invalid with every problem that was found."""
    try:
        raw = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise Invalid([_located("", error)]) from error
    nodes, problems = _nodes(raw)
    targets: dict[tuple[str, str], str] = {}
    for edge in raw.edges:
        problems.extend(_edge_problems(edge, raw, nodes, targets))
        targets[edge.source, edge.port] = edge.target
    problems += [
        Problem(id_, "layout", gettext("no such node"))
        for id_ in raw.layout
        if id_ not in raw.nodes
    ]
    if problems:
        raise Invalid(problems)
    return Definition(nodes, raw.settings, raw.edges, raw.layout, targets)


def _nodes(raw: _Document) -> tuple[dict[str, Node], list[Problem]]:
    nodes: dict[str, Node] = {}
    problems: list[Problem] = []
    if len(raw.nodes) > MOST_NODES:
        return nodes, [
            Problem(
                "",
                "nodes",
                gettext("a journey has at most %(most_nodes)s nodes") % {"most_nodes": MOST_NODES},
            )
        ]
    for id_, value in raw.nodes.items():
        try:
            msgspec.convert(id_, NodeId)
            nodes[id_] = _node(id_, msgspec.convert(value, _RawNode))
        except msgspec.ValidationError as error:
            problems.append(_located(id_, error))
        except Invalid as invalid:
            problems.extend(invalid.problems)
    return nodes, problems


def _node(id_: str, raw: _RawNode) -> Node:
    kind = KINDS.get(raw.type)
    if kind is None:
        known = ", ".join(KINDS)
        raise Invalid(
            [
                Problem(
                    id_,
                    "type",
                    gettext("unknown type %(type)r; there are %(known)s")
                    % {"type": raw.type, "known": known},
                )
            ]
        )
    try:
        config = msgspec.convert(raw.config, kind.config)
    except msgspec.ValidationError as error:
        raise Invalid([_located(id_, error, inside="config")]) from error
    node = Node(id_, kind, config, raw.name)
    if raw.ports is not None and set(raw.ports) != set(node.ports):
        raise Invalid(
            [
                Problem(
                    id_,
                    "ports",
                    gettext("its ports are %(ports)s")
                    % {"ports": ", ".join(node.ports) or "none"},
                )
            ]
        )
    return node


def _edge_problems(
    edge: Edge,
    raw: _Document,
    nodes: Mapping[str, Node],
    taken: Mapping[tuple[str, str], str],
) -> Iterator[Problem]:
    if edge.source not in raw.nodes or edge.target not in raw.nodes:
        missing = edge.source if edge.source not in raw.nodes else edge.target
        yield Problem(
            edge.source,
            "edges",
            gettext("an edge leads from or to %(missing)r, which is no node")
            % {"missing": missing},
        )
        return
    source = nodes.get(edge.source)
    if source is not None and edge.port not in source.ports:
        yield Problem(
            edge.source, "edges", gettext("it has no port %(port)r") % {"port": edge.port}
        )
    if (edge.source, edge.port) in taken:
        yield Problem(
            edge.source, "edges", gettext("two edges leave port %(port)r") % {"port": edge.port}
        )


def _located(node: str, error: msgspec.ValidationError, *, inside: str = "") -> Problem:
    """Turn "… - at `$.a.b`" into a problem with its field."""
    message, _, path = str(error).partition(" - at `$")
    place = path.rstrip("`").lstrip(".")
    return Problem(node, ".".join(part for part in (inside, place) if part), message)


def document(definition: Definition) -> dict[str, Any]:
    """Return the definition as JSON values, everything written out; `parse` gives the same definition again."""
    nodes = {
        node.id: {
            "type": node.kind.name,
            "config": node.config,
            "ports": node.ports,
            "name": node.name,
        }
        for node in definition.nodes.values()
    }
    values = {
        "schema_version": SCHEMA_VERSION,
        "settings": definition.settings,
        "nodes": nodes,
        "edges": definition.edges,
        "layout": definition.layout,
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    return plain


def digest(definition: Definition) -> str:
    """Return a fingerprint of the logic; the layout, the names and the order of nodes and edges take no part."""
    logic = document(definition)
    del logic["layout"]
    for node in logic["nodes"].values():
        del node["name"]
    logic["edges"].sort(key=lambda edge: (edge["from"], edge["port"]))
    return hashlib.sha256(msgspec.json.encode(logic, order="deterministic")).hexdigest()
