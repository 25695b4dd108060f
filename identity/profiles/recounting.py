"""Comparing the links and identifiers of the graph with what its touchpoints say, and having the lane add up again what differs.

What may differ (see identity.graph.tally) is looked at a second time, a slice at once while no lane writes: what came in between the
two readings is no difference. Why so: docs/decisions/0021-what-a-rebuild-begins-with.md.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec
from django.db import transaction

from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.contents import Part
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.tally import DoubtfulLink, How, LostNode, Tally
from identity.graph.types import Doubts
from identity.privacy import audit, erasures
from identity.privacy.masking import masked
from identity.profiles import forgetting, unsettled
from identity.profiles.policies import settling
from identity.touchpoints import commands
from identity.touchpoints import forgetting as sources
from identity.touchpoints.types import Identifier

# Lane commands: add these links and identifiers up again, write again what these touchpoints carry.
RECOUNT, RECARRY = "profiles.recount", "profiles.recarry"
SLICE = 100  # links, identifiers or touchpoints of one command, and looked at while the lane waits
SHOWN = 3  # examples of each

_T = TypeVar("_T")


@dataclass(slots=True)
class Recount:
    """What differs. `lost` identifiers have to be made first, before what touchpoints say of them can be added up. `handed`: commands given to the lane."""

    links: Counter[How] = field(default_factory=Counter)
    identifiers: int = 0
    lost: int = 0
    handed: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not (self.links or self.identifiers or self.lost)


def recount(
    tally: Tally,
    graph: GraphStore,
    *,
    policy: Policy,
    now: Instant | None,
    actor: str = "",
    size: int = 5_000,
    progress: Callable[[Recount], None] = lambda _: None,
) -> Recount:
    """Look at what is doubtful after everything was shown to the tally. With `now` None nothing is handed over.

    Else the lane first adds all of it up again, then groups whom that was about: half of it could part people for a moment. Where identifiers
    are lost it makes those, and nothing else is handed over: without them the others cannot be added up.
    """
    graph.go_by(policy)
    tally.leave_out(forgetting.under_way() | erasures.leaving().keys, sources.under_way())
    found = Recount()
    for lost in tally.lost():
        _count_lost(lost, found, graph)
    adding = None if found.lost else now
    for links in _slices(tally.links()):
        wrong = graph.miscounted(Doubts(links=[each.link for each in links]))
        _count_links(links, wrong, found)
        _hand_over(wrong, found, actor, adding)
        progress(found)
    for nodes in _slices(tally.nodes(hubs=_hubs_are_settled())):
        wrong = graph.miscounted(Doubts(identifiers=nodes))
        _count_nodes(wrong, found)
        _hand_over(wrong, found, actor, adding)
        progress(found)
    if adding is not None and found.handed:
        unsettled.ask(unsettled.Work({}), actor, adding)
        found.handed += 1
    if now is not None and found.lost:
        for page in graph.contents().pages(Part.TOUCHPOINTS, size=size):
            for numbers in _slices(tally.naming_lost(page.rows)):
                _ask(RECARRY, {"touchpoints": numbers}, found, actor, now)
    return found


def _hubs_are_settled() -> bool:
    """Tell whether the lane has looked at all hubs by the policy in force."""
    work = settling.left()
    return work is None or work.step != settling.HUBS


def _slices(doubtful: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(doubtful)
    while some := list(islice(rest, SLICE)):
        yield some


def _count_links(links: list[DoubtfulLink], wrong: Doubts, found: Recount) -> None:
    really = set(wrong.links)
    for each in links:
        if each.link in really:
            found.links[each.how] += 1
            if found.links[each.how] <= SHOWN:
                a, b, source = each.link
                found.examples.append(f"{each.how}: {_shown(a)} and {_shown(b)} (source {source})")


def _count_nodes(wrong: Doubts, found: Recount) -> None:
    for each in wrong.identifiers:
        found.identifiers += 1
        if found.identifiers <= SHOWN:
            found.examples.append(f"{How.OTHERWISE}: {_shown(each)}")


def _count_lost(lost: LostNode, found: Recount, graph: GraphStore) -> None:
    """Count an identifier that the graph lacks still: it may have come, or been erased, since the graph was read."""
    there = graph.scan(after=lost.number - 1, limit=1)
    named = any(
        each.number == lost.number and lost.identifier in each.identifiers for each in there
    )
    if named and not graph.neighbourhoods([lost.identifier]):
        found.lost += 1
        if found.lost <= SHOWN:
            found.examples.append(f"{How.LOST}: {_shown(lost.identifier)}")


def _shown(identifier: Identifier) -> str:
    return masked(identifier.key.replace(":", ": ", 1))


def _hand_over(wrong: Doubts, found: Recount, actor: str, now: Instant | None) -> None:
    """Ask the lane to add up again what is wrong."""
    if now is None or not (wrong.links or wrong.identifiers):
        return
    said: dict[str, Sized] = {
        "links": [[a.key, b.key, source] for a, b, source in wrong.links],
        "identifiers": [each.key for each in wrong.identifiers],
    }
    _ask(RECOUNT, said, found, actor, now)


def _ask(kind: str, said: Mapping[str, Sized], found: Recount, actor: str, now: Instant) -> None:
    with transaction.atomic():
        command = commands.enqueue(kind, said, actor, now)
        detail = {name: len(each) for name, each in said.items()}
        audit.record(actor, kind, f"identity.lanecommand:{command}", detail, now)
    found.handed += 1


# --- In the lane --------------------------------------------------------------------------------------------------------


class _Payload(msgspec.Struct, frozen=True):
    touchpoints: list[int] = []
    links: list[tuple[str, str, int]] = []
    identifiers: list[str] = []


def asked_for(payload: Mapping[str, Any]) -> Doubts:
    """Return what a RECOUNT command names. Raises DomainError."""
    said = _read(payload)
    return Doubts(
        [(Identifier.of(a), Identifier.of(b), source) for a, b, source in said.links],
        [Identifier.of(key) for key in said.identifiers],
    )


def to_be_carried(payload: Mapping[str, Any]) -> Sequence[int]:
    """Return the numbers of touchpoints that a RECARRY command names. Raises DomainError."""
    return _read(payload).touchpoints


def _read(payload: Mapping[str, Any]) -> _Payload:
    try:
        return msgspec.convert(payload, _Payload)
    except msgspec.ValidationError as error:
        raise DomainError("bad_command", str(error)) from error
