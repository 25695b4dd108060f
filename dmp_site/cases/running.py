"""Runs cases through the pipeline: touchpoints are sealed, decoded, recorded in a graph store and resolved, as the lane does it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from random import Random

from django.db import transaction

from dmp_site.cases.events import Events
from dmp_site.cases.files import Case, Cluster
from dmp_site.cases.scratch import EPOCH, Graphs
from identity.clock import Instant
from identity.graph import documents
from identity.graph.contents import Part, StoredIdentifier
from identity.graph.port import GraphStore
from identity.graph.types import FORGOTTEN, UNVOUCHED, alone
from identity.profiles import explain, forgetting, models, resolve
from identity.touchpoints import decode
from identity.touchpoints.evidence import NO_IDENTIFIER
from identity.touchpoints.types import BatchContext, Identifier, InboxRow, Mode, Touchpoint

_ALL_ORDERS = 5  # events, up to which every order is tried
_RANDOM_ORDERS = 50
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out, or should; identifiers in the words of the file. `clusters` is None where nothing is expected of them."""

    clusters: frozenset[Cluster] | None
    refused: frozenset[Cluster]
    rejected: tuple[Decimal, ...]

    def meets(self, expected: "Outcome") -> bool:
        """Tell whether this is as expected; more links may be refused than those that must be."""
        return (
            expected.clusters in (None, self.clusters)
            and expected.refused <= self.refused
            and expected.rejected == self.rejected
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """The first arrangement of a case's events that did not give what is expected, and how many did not."""

    order: Sequence[int]
    batch: int
    expected: Outcome
    found: Outcome
    failed: int
    tried: int


class Endless(Exception):
    """A case that is not run, since it might not end: the message says what to change in the file."""


def check(case: Case, graphs: Graphs, most: int | None = None) -> Difference | None:
    """Run a case in every arrangement; None when each gives what is expected. Nothing stays in the database.

    `most`: orders of the events that are tried at most. Raises Endless.
    """
    if (slow := documents.explosion(case.policy.blocked_patterns)) is not None:
        number, said = slow
        raise Endless(f"block_regex[{number}]: {said}")
    first: tuple[Sequence[int], int, Outcome, Outcome] | None = None
    failed = tried = 0
    with transaction.atomic():
        events = Events(case)
        expected = _expected(case, events)
        for order, batch in arrangements(len(case.events), most):
            found = _once(events, events.arranged(order), batch, graphs)
            tried += 1
            if not found.meets(expected):
                failed += 1
                first = first or (order, batch, expected, found)
        transaction.set_rollback(True)
    return Difference(*first, failed, tried) if first else None


def arrangements(count: int, most: int | None = None) -> Iterator[tuple[Sequence[int], int]]:
    """Yield orders of that many events, each with sizes of batches: every order of few, some of many, the same each time."""
    random = Random(count)  # noqa: S311 - nobody has to be kept from guessing it
    orders: Sequence[Sequence[int]]
    if count > _ALL_ORDERS:
        orders = [random.sample(range(count), count) for _ in range(_RANDOM_ORDERS)]
    else:
        orders = list(permutations(range(count)))
    if most is not None:
        orders = random.sample(orders, min(most, len(orders)))
    for order in orders:
        for batch in sorted({max(1, min(size, count)) for size in (1, 2, count)}):
            yield order, batch


def _expected(case: Case, events: Events) -> Outcome:
    clusters = None if case.clusters is None else events.canonical(case.clusters)
    return Outcome(clusters, events.canonical(case.removed), case.rejected)


def _once(events: Events, rows: Sequence[InboxRow], batch: int, graphs: Graphs) -> Outcome:
    with transaction.atomic():
        graph = graphs(events.policy)
        touchpoints = [
            touchpoint
            for start in range(0, len(rows), batch)
            for touchpoint in _process(rows[start : start + batch], graph, events)
        ]
        _delete(events, graph)
        outcome = _outcome(touchpoints, graph, events)
        transaction.set_rollback(True)
    return outcome


def _delete(events: Events, graph: GraphStore) -> None:
    """Forget the source or the identifier that the case deletes."""
    context = _context(events.until)
    if events.gone_source is not None:
        after: int | None = 0
        while after is not None:
            swept = graph.forget_source(events.gone_source, after=after, limit=_PAGE, epoch=EPOCH)
            near = graph.neighbourhoods(swept.around)
            resolve.regroup(near, context, newborn=False, policy=events.policy)
            after = swept.after
    if events.gone_identifier is not None:
        place: str | None = ""
        while place is not None:
            asked = forgetting.Slice(events.gone_identifier, place)
            detached = graph.forget(asked.identifier, after=asked.after, limit=_PAGE, epoch=EPOCH)
            forgetting.keep(asked, detached, context.now)
            near = [*graph.neighbourhoods(detached.around), alone(events.gone_identifier)]
            resolve.regroup(near, context, newborn=False, policy=events.policy)
            place = detached.after


def _context(now: Instant) -> BatchContext:
    return BatchContext(now=now, horizon=now, mode=Mode.LIVE, epoch=EPOCH)


def _process(rows: Sequence[InboxRow], graph: GraphStore, events: Events) -> list[Touchpoint]:
    """Stages 1 and 2 of one batch."""
    touchpoints = decode.decode(rows, events.policy)
    contested = resolve.contested(touchpoints)
    recorded = graph.record(touchpoints, epoch=EPOCH, contested=contested)
    context = _context(rows[-1].received_at)
    resolve.resolve(touchpoints, recorded, context, policy=events.policy)
    return touchpoints


def _outcome(touchpoints: Iterable[Touchpoint], graph: GraphStore, events: Events) -> Outcome:
    profiles: dict[int, set[Identifier]] = {}
    known = models.Identifier.objects.filter(forgotten=False).exclude(first_number=UNVOUCHED)
    for key, profile in known.values_list("key", "profile"):
        profiles.setdefault(profile, set()).add(Identifier.of(key))
    everybody = [each for members in profiles.values() for each in members]
    refused = explain.refusals(everybody, graph=graph, policy=events.policy)
    rejected = (
        events.happened(each.id) for each in touchpoints if each.refusal not in ("", NO_IDENTIFIER)
    )
    return Outcome(
        clusters=events.words([*profiles.values(), *_households(graph, events)]),
        refused=events.words([(each.link.a, each.link.b) for each in refused]),
        rejected=tuple(sorted(rejected)),
    )


def _households(graph: GraphStore, events: Events) -> list[Collection[Identifier]]:
    """Return each household that evidence still speaks for, by itself: it is in nobody's profile."""
    if not events.has_households:
        return []
    pages = graph.contents().pages(Part.IDENTIFIERS, size=_PAGE)
    rows = [row for page in pages for row in page.rows if isinstance(row, StoredIdentifier)]
    known = [
        Identifier.of(row.key)
        for row in rows
        if row.kind != FORGOTTEN and row.first_number not in (None, UNVOUCHED)
    ]
    return [(each,) for each in known if events.policy.is_household(each)]
