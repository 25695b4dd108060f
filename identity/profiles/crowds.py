"""Crowds: neighbourhoods with more links than may be read and worked out with each batch that touches them.

Every identifier of one carries its id, which stage 2 writes with the profile. The marks decide nothing about who is who. See
docs/decisions/0017-crowds.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from identity.clock import Instant
from identity.graph.evidence import carried
from identity.privacy import registers
from identity.profiles.moves import Place, Target, Wanted
from identity.sql import Rows, execute, fetch
from identity.touchpoints import waiting
from identity.touchpoints.types import Identifier, InboxRow, Touchpoint
from identity.touchpoints.waiting import Queue, Waiting

SHOWN = 10  # identifiers named of a crowd


@dataclass(frozen=True, slots=True)
class Crowd:
    """A crowd as a human is told of it: how many `links` and `identifiers` there are, and since when it has been one.

    `keys`: some of its identifiers, the weakest first. `row`, `uid`: the profile that has the first of them.
    """

    id: int
    links: int
    identifiers: int
    found_at: Instant
    row: int
    uid: str
    keys: tuple[str, ...]
    waiting: Queue = Queue()  # noqa: RUF009 - it is frozen


# --- Written by stage 2 -------------------------------------------------------------------------------------------------


def keep(
    evidence: Wanted,
    written: Mapping[Identifier, Target],
    here: Mapping[Identifier, Place],
    now: Instant,
) -> None:
    """Store which crowds there are, behind the marks that were `written`. Three statements at most, and none where no crowd is met."""
    if evidence.crowds:
        given = Rows("given", id="bigint", links="bigint", identifiers="bigint")
        execute(
            "INSERT INTO identity_crowd (id, links, identifiers, found_at)"
            f" SELECT id, links, identifiers, %s FROM {given} WHERE true"
            " ON CONFLICT (id) DO UPDATE SET links = excluded.links, identifiers = excluded.identifiers",
            [now, *given.of((crowd, *size) for crowd, size in evidence.crowds.items())],
        )
    left = {
        here[each].crowd: target.crowd
        for each, target in written.items()
        if each in here and here[each].crowd not in {0, target.crowd}
    }
    if left:
        waiting.follow(left)
        drop_empty()


def put_off(
    rows: Iterable[InboxRow],
    touchpoints: Iterable[Touchpoint],
    crowded: Mapping[int, int],
    now: Instant,
) -> dict[Identifier, int]:
    """Let these touchpoints (number -> crowd) wait for their turn; return what they carry, with the crowd that it is tied to by them.

    What they say about consent holds at once: mail must not overtake it.
    """
    if not crowded:
        return {}
    found = {one.number: one for one in touchpoints if one.number in crowded}
    waiting.put(
        (
            Waiting(row, found[row.number].id, crowded[row.number])
            for row in rows
            if row.number in crowded
        ),
        now,
    )
    registers.keep_wishes(found.values())
    return {each: crowded[one.number] for one in found.values() for each in carried(one)}


def drop_empty() -> None:
    """Forget the crowds that nobody belongs to any more: fallen apart, grown into another, erased."""
    execute(
        "DELETE FROM identity_crowd WHERE NOT EXISTS"
        " (SELECT 1 FROM identity_identifier AS i WHERE i.crowd = identity_crowd.id AND i.crowd > 0)"
    )


# --- For a human --------------------------------------------------------------------------------------------------------


def listed(above: int, limit: int) -> list[Crowd]:
    """Return crowds in the order of their ids, above this one. Three statements."""
    rows = fetch(
        "SELECT c.id, c.links, c.identifiers, c.found_at FROM identity_crowd AS c WHERE c.id > %s"
        " AND EXISTS (SELECT 1 FROM identity_identifier AS i WHERE i.crowd = c.id AND i.crowd > 0)"
        " ORDER BY c.id LIMIT %s",
        [above, limit],
    )
    given = Rows("given", id="bigint")
    some: dict[int, list[tuple[int, str, str]]] = {}
    for crowd, row, uid, key in fetch(
        "SELECT few.crowd, p.id, p.uid, few.key FROM"
        " (SELECT i.crowd, i.key, i.profile_id,"
        "   ROW_NUMBER() OVER (PARTITION BY i.crowd ORDER BY i.priority DESC, i.key) AS place"
        f"  FROM {given} JOIN identity_identifier AS i ON i.crowd = given.id AND i.crowd > 0) AS few"
        " JOIN identity_profile AS p ON p.id = few.profile_id"
        " WHERE few.place <= %s ORDER BY few.crowd, few.place",
        [*given.of(row[:1] for row in rows), SHOWN],
    ):
        some.setdefault(crowd, []).append((row, uid, key))
    queues = waiting.queues(some)
    return [
        Crowd(
            one,
            links,
            identifiers,
            found_at,
            *some[one][0][:2],
            _keys(some[one]),
            queues.get(one, Queue()),
        )
        for one, links, identifiers, found_at in rows
    ]


def _keys(some: Iterable[tuple[int, str, str]]) -> tuple[str, ...]:
    return tuple(key for *_, key in some)
