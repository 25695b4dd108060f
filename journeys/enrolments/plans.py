"""Which journeys are in force, and what they listen to: read once per batch, built once per set of versions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from identity.sql import fetch
from journeys.definition import Definition, Node, parse
from journeys.nodes.entry import EntryConfig
from journeys.publishing.models import State

_GOING = frozenset({State.LIVE.value, State.DRAINING.value})


@dataclass(frozen=True, slots=True)
class Entrance:
    """An entry node of a live journey's published version."""

    journey: int
    version: int
    node: Node
    definition: Definition

    @property
    def config(self) -> EntryConfig:
        assert isinstance(self.node.config, EntryConfig)  # noqa: S101 - the only kind that starts
        return self.node.config


@dataclass(frozen=True, slots=True)
class Plan:
    """The journeys in force at one moment.

    `states`: journey -> state. `versions`: version -> definition, of those that may have people inside. `events` and `audiences`
    lead to entrances. `watched`: event -> the properties to remember of it. `priorities`: journey -> the highest of its versions.
    """

    states: Mapping[int, str] = field(default_factory=dict)
    versions: Mapping[int, Definition] = field(default_factory=dict)
    events: Mapping[str, Sequence[Entrance]] = field(default_factory=dict)
    audiences: Mapping[int, Sequence[Entrance]] = field(default_factory=dict)
    watched: Mapping[str, frozenset[str]] = field(default_factory=dict)
    priorities: Mapping[int, int] = field(default_factory=dict)

    def goes_on(self, journey: int) -> bool:
        """Tell whether people inside of a journey move."""
        return self.states.get(journey) in _GOING

    def going(self) -> list[tuple[int, int]]:
        """Return the journeys whose people move, with their priorities."""
        return [(one, priority) for one, priority in self.priorities.items() if self.goes_on(one)]


def current() -> Plan:
    """Read the journeys in force: one statement, and the definitions only when they are new."""
    return _plan(
        tuple(
            fetch(
                "SELECT j.id, j.state, v.id, v.digest, v.id = j.version_id"
                " FROM journeys_journey AS j"
                " JOIN journeys_journeyversion AS v ON v.journey_id = j.id"
                " WHERE v.in_use ORDER BY j.id, v.id"
            )
        )
    )


def versions() -> dict[str, list[int]]:
    """Return the version numbers that people may stand in, by journey, for the record of a batch. The last one lets in."""
    found: dict[str, list[int]] = defaultdict(list)
    for journey, number in fetch(
        "SELECT journey_id, number FROM journeys_journeyversion WHERE in_use ORDER BY journey_id, number"
    ):
        found[str(journey)].append(number)
    return dict(found)


@lru_cache(maxsize=8)
def _plan(rows: tuple[tuple[int, str, int, str, bool], ...]) -> Plan:
    states: dict[int, str] = {}
    versions: dict[int, Definition] = {}
    priorities: dict[int, int] = {}
    entrances: list[Entrance] = []
    for journey, state, version, digest, published in rows:
        definition = _definition(digest)
        states[journey] = state
        versions[version] = definition
        own = definition.settings.priority
        priorities[journey] = max(own, priorities.get(journey, own))
        if published and state == State.LIVE:
            entrances += [
                Entrance(journey, version, node, definition) for node in definition.entries()
            ]
    events, audiences = _doors(entrances)
    return Plan(states, versions, events, audiences, _watched(versions.values()), priorities)


def _doors(
    entrances: Iterable[Entrance],
) -> tuple[dict[str, list[Entrance]], dict[int, list[Entrance]]]:
    events: dict[str, list[Entrance]] = defaultdict(list)
    audiences: dict[int, list[Entrance]] = defaultdict(list)
    for entrance in entrances:
        config = entrance.config
        if config.on == "touchpoint":
            events[config.event].append(entrance)
        elif config.audience is not None:
            audiences[config.audience].append(entrance)
    return dict(events), dict(audiences)


def _watched(definitions: Iterable[Definition]) -> dict[str, frozenset[str]]:
    watched: dict[str, frozenset[str]] = {}
    for definition in definitions:
        for event, paths in definition.watched().items():
            watched[event] = watched.get(event, frozenset()) | paths
    return watched


@lru_cache(maxsize=1_000)
def _definition(digest: str) -> Definition:
    """Read and parse what was published under a digest; what never changes is read once."""
    rows = fetch(
        "SELECT definition FROM journeys_journeyversion WHERE digest = %s LIMIT 1", [digest]
    )
    return parse(msgspec.json.decode(rows[0][0]))
