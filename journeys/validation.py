"""What keeps a definition from being published; every message names its node. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from identity.texts import gettext
from journeys.definition import Definition, Node, Problem
from journeys.hours import is_zone
from journeys.nodes.kind import Known, unknown_audience, unknown_sends

_LONGEST_AGE = 7 * 24 * 3600


def validate(definition: Definition, known: Known | None = None) -> list[Problem]:
    """Return every problem: of the graph, of each node, of the settings. `known` says what exists outside."""
    known = known or Known()
    sends = frozenset(node.id for node in definition.nodes.values() if node.kind.name == "send")
    known = replace(known, sends=sends)
    return [
        *_entries(definition),
        *_unreachable(definition),
        *_missing_ports(definition),
        *_runaways(definition),
        *_nodes(definition, known),
        *_settings(definition, known),
    ]


def _entries(definition: Definition) -> Iterator[Problem]:
    entries = [node.id for node in definition.entries()]
    if not entries:
        yield Problem("", "nodes", gettext("there is no entry: nobody would come in"))
    for edge in definition.edges:
        if edge.target in entries:
            yield Problem(
                edge.source,
                "edges",
                gettext("an edge leads to the entry %(target)r") % {"target": edge.target},
            )


def _reached(definition: Definition) -> set[str]:
    reached: set[str] = set()
    waiting = [node.id for node in definition.entries()]
    while waiting:
        node = waiting.pop()
        if node in reached:
            continue
        reached.add(node)
        waiting += [
            target
            for port in definition.nodes[node].ports
            if (target := definition.targets.get((node, port)))
        ]
    return reached


def _unreachable(definition: Definition) -> Iterator[Problem]:
    reached = _reached(definition)
    for node in definition.nodes:
        if node not in reached:
            yield Problem(node, "edges", gettext("no way leads here from an entry"))


def _missing_ports(definition: Definition) -> Iterator[Problem]:
    for node in definition.nodes.values():
        optional = node.kind.optional(node.config)
        for port in node.ports:
            if port not in optional and (node.id, port) not in definition.targets:
                yield Problem(
                    node.id, "edges", gettext("port %(port)r leads nowhere") % {"port": port}
                )


def _runaways(definition: Definition) -> Iterator[Problem]:
    """Yield the loops in which no node takes time: people would run round in them."""
    hasty = {node.id: node for node in definition.nodes.values() if not node.kind.takes_time}
    settled: set[str] = set()
    for start in hasty:
        yield from _loops(definition, hasty, start, settled)


def _loops(
    definition: Definition, hasty: dict[str, Node], start: str, settled: set[str]
) -> Iterator[Problem]:
    """Walk in depth from `start` over nodes that take no time; an edge back into the present path closes a loop."""
    path: dict[str, Iterator[str]] = {}
    if start not in settled:
        path[start] = _targets(definition, hasty, start)
    while path:
        node = next(reversed(path))
        target = next(path[node], None)
        if target is None:
            settled.add(node)
            del path[node]
        elif target in path:
            yield Problem(
                node,
                "edges",
                gettext("a loop back to %(target)r without a wait") % {"target": target},
            )
        elif target not in settled:
            path[target] = _targets(definition, hasty, target)


def _targets(definition: Definition, hasty: dict[str, Node], node: str) -> Iterator[str]:
    targets = (definition.targets.get((node, port)) for port in hasty[node].ports)
    return (target for target in targets if target in hasty)


def _nodes(definition: Definition, known: Known) -> Iterator[Problem]:
    for node in definition.nodes.values():
        for field, message in node.kind.problems(node.config, known):
            yield Problem(node.id, f"config.{field}", message)


def _settings(definition: Definition, known: Known) -> Iterator[Problem]:
    settings = definition.settings
    for audience in sorted(settings.audiences()):
        for _field, message in unknown_audience(audience, known):
            yield Problem("", "settings.exits", message)
    for field, message in unknown_sends(settings.matches(), known):
        yield Problem("", f"settings.{field}", message)
    if not 0 <= settings.max_age.total_seconds() <= _LONGEST_AGE:
        yield Problem("", "settings.max_age", gettext("between nothing and seven days"))
    if settings.goal is not None and settings.goal.window.total_seconds() <= 0:
        yield Problem("", "settings.goal.window", gettext("must be longer than nothing"))
    if settings.time_zone and not is_zone(settings.time_zone):
        yield Problem(
            "",
            "settings.time_zone",
            gettext("%(time_zone)r is no IANA time zone") % {"time_zone": settings.time_zone},
        )
    if settings.re_entry.mode == "after" and settings.re_entry.gap.total_seconds() <= 0:
        yield Problem("", "settings.re_entry.gap", gettext("say how long after the last entry"))
