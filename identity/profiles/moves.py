"""From evidence to moves: what the partition says, against who is who now. No Django, no store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from identity.graph.partition import RefusedLink, founder, partition
from identity.graph.policy import Kind, Policy
from identity.graph.types import Decision, Link, Neighbourhood, Node, Verdict
from identity.touchpoints.types import Identifier

MAX_EVIDENCE = 20  # links kept with one move; the graph has them all
_FEWEST = 3  # identifiers of an undecided profile: two of people, and what they share
_PERSON, _THINGS = Kind.PERSON, (Kind.COOKIE, Kind.DEVICE)  # an enumeration is slow to ask


class Place(NamedTuple):
    """Where an identifier is stored to be: the profile's row id and founder."""

    profile: int
    founder: Identifier
    first_number: int
    contested: bool
    policy: int = 1
    crowd: int = 0
    undecided: bool = False


class Target(NamedTuple):
    """Where the evidence says that an identifier belongs, under the version `policy` of the rules.

    `crowd`: the id of its neighbourhood if that is too large to be read with each batch, else 0. `undecided`: it founded a profile that
    may be several people.
    """

    founder: Identifier
    first_number: int
    contested: bool
    policy: int = 1
    crowd: int = 0
    undecided: bool = False


class Size(NamedTuple):
    """Of a neighbourhood; a hub at its edge does not count."""

    links: int
    identifiers: int


@dataclass(slots=True)
class Wanted:
    """What the evidence of some neighbourhoods says, and the evidence itself."""

    targets: dict[Identifier, Target] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    refused: list[RefusedLink] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)  # that hold
    crowds: dict[int, Size] = field(default_factory=dict)


@dataclass(slots=True)
class Move:
    """Identifiers that leave the profile with row id `origin` for that of `founder`.

    `joined`: links that tie them to others of the target. `refused`: pairs that stood in one profile before and no longer do.
    `decisions`: what people decided that says either.
    """

    origin: int
    founder: Identifier
    identifiers: list[Identifier] = field(default_factory=list)
    joined: list[Link] = field(default_factory=list)
    refused: list[RefusedLink] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def wanted(
    neighbourhoods: Iterable[Neighbourhood],
    policy: Policy,
    *,
    most: int | None = None,
    tied: Mapping[Identifier, int] | None = None,
) -> Wanted:
    """Partition each neighbourhood. One with more than `most` links is a crowd.

    `tied`: identifiers that evidence which still waits ties to a crowd, each with its id; their neighbourhoods belong to it already.
    """
    found = Wanted()
    for neighbourhood in neighbourhoods:
        parts = partition(neighbourhood, policy)
        contested, crowd = parts.contested, 0  # the first looks at every refused link
        if most is not None and len(neighbourhood.links) > most:
            crowd = _crowd(neighbourhood, found)
        elif tied:
            crowd = _joining(neighbourhood, tied)
        for profile in parts.profiles:
            _place(found.targets, profile, policy, contested=contested, crowd=crowd)
        found.links.extend(neighbourhood.links)
        found.refused.extend(parts.refused)
        overruled = {each.decision for each in parts.overruled}
        found.decisions.extend(each for each in neighbourhood.decisions if each not in overruled)
    return found


def _crowd(neighbourhood: Neighbourhood, found: Wanted) -> int:
    """Note the crowd; return its id."""
    numbers = [node.first_number for node in neighbourhood.nodes if not node.quarantined]
    crowd = min(numbers)
    found.crowds[crowd] = Size(len(neighbourhood.links), len(numbers))
    return crowd


def _joining(neighbourhood: Neighbourhood, tied: Mapping[Identifier, int]) -> int:
    """Return the crowd that the neighbourhood is going to belong to, 0 when it is none. A hub at its edge leads nowhere."""
    crowds = (tied.get(node.identifier, 0) for node in neighbourhood.nodes if not node.quarantined)
    return max(crowds, default=0)


def _place(
    targets: dict[Identifier, Target],
    profile: Sequence[Node],
    policy: Policy,
    *,
    contested: bool,
    crowd: int,
) -> None:
    if profile[0].quarantined:
        node = profile[0]
        lone = Target(node.identifier, node.first_number, contested=False, policy=policy.version)
        targets[node.identifier] = lone
        return
    first = founder(profile, policy)
    undecided = len(profile) >= _FEWEST and _is_undecided(profile, policy)
    for node in profile:
        targets[node.identifier] = Target(
            first,
            node.first_number,
            contested,
            policy.version,
            crowd,
            undecided and node.identifier == first,
        )


def _is_undecided(profile: Sequence[Node], policy: Policy) -> bool:
    """Tell whether it holds a cookie or device and several values of one kind of person, but none of a `max: 1`: see undecided.py."""
    names = [node.identifier.namespace for node in profile]
    rules = {name: policy[name] for name in set(names)}  # a crowd's profile has very many
    people = [name for name in names if rules[name].kind is _PERSON]
    return (
        len(people) > len(set(people))
        and any(rule.kind in _THINGS for rule in rules.values())
        and not any(name in policy.namespaces and rules[name].max == 1 for name in people)
    )


def changed(wanted: Wanted, places: Mapping[Identifier, Place]) -> list[Identifier]:
    """Return the identifiers that are new or stored otherwise than the evidence says."""
    return [
        identifier
        for identifier, target in wanted.targets.items()
        if identifier not in places or places[identifier][1:] != target
    ]


def misplaced(wanted: Wanted, places: Mapping[Identifier, Place]) -> list[Identifier]:
    """Return those of `changed` that differ in more than the version of the policy that looked at them last, and their crowd."""
    return [
        identifier
        for identifier in changed(wanted, places)
        if identifier not in places
        or _said(places[identifier]) != _said(wanted.targets[identifier])
    ]


def _said(one: Place | Target) -> tuple[Identifier, int, bool]:
    return one.founder, one.first_number, one.contested


def moves(wanted: Wanted, places: Mapping[Identifier, Place]) -> list[Move]:
    """Return who leaves which profile for which, with the evidence."""
    found: dict[tuple[int, Identifier], Move] = {}
    of: dict[Identifier, Move] = {}
    for identifier, place in sorted(places.items()):
        first = wanted.targets[identifier].founder
        if first != place.founder:
            move = found.setdefault((place.profile, first), Move(place.profile, first))
            move.identifiers.append(identifier)
            of[identifier] = move
    if of:
        _add_joined(wanted, of)
        _add_refused(wanted, places, of)
        _add_decisions(wanted, places, of)
    return list(found.values())


def _add_joined(wanted: Wanted, of: Mapping[Identifier, Move]) -> None:
    """Give each move the links that tie it to others, the oldest first: a store returns links in an order of its own."""
    tying = [
        link
        for link in wanted.links
        if of.get(link.a) is not of.get(link.b)
        and wanted.targets[link.a].founder == wanted.targets[link.b].founder
    ]
    for link in sorted(tying, key=lambda link: (link.first_seen, link.a, link.b, link.source)):
        for move in (of.get(link.a), of.get(link.b)):
            if move is not None and len(move.joined) < MAX_EVIDENCE:
                move.joined.append(link)


def _add_refused(
    wanted: Wanted, places: Mapping[Identifier, Place], of: Mapping[Identifier, Move]
) -> None:
    for link in sorted(wanted.refused, key=lambda link: (link.a, link.b)):
        a, b = places.get(link.a), places.get(link.b)
        if a is None or b is None or a.profile != b.profile or _together(wanted, link):
            continue
        for move in _moves_of(link, of):
            if len(move.refused) < MAX_EVIDENCE:
                move.refused.append(link)


def _add_decisions(
    wanted: Wanted, places: Mapping[Identifier, Place], of: Mapping[Identifier, Move]
) -> None:
    """Give each move the decisions that brought together what was not, or keep apart what was together."""
    for decision in sorted(wanted.decisions, key=lambda each: each.number):
        a, b = places.get(decision.a), places.get(decision.b)
        before = a is not None and b is not None and a.profile == b.profile
        now = _together(wanted, decision)
        if before == now or now != (decision.verdict is Verdict.ALWAYS):
            continue
        for move in _moves_of(decision, of):
            if len(move.decisions) < MAX_EVIDENCE:
                move.decisions.append(decision)


def _together(wanted: Wanted, pair: RefusedLink | Decision) -> bool:
    return wanted.targets[pair.a].founder == wanted.targets[pair.b].founder


def _moves_of(pair: RefusedLink | Decision, of: Mapping[Identifier, Move]) -> Iterable[Move]:
    """Return the moves of the two ends, each once."""
    both = (of.get(pair.a), of.get(pair.b))
    return {id(move): move for move in both if move is not None}.values()
