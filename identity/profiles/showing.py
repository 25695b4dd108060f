"""Memberships are shown in a graph store that people look into (Neo4j: MEMBER_OF), after the commit.

`note` writes rows in the lane's transaction; `show` takes them out in batches, reads where these identifiers belong *now*, and tells the
store. A row goes when the store has it: who dies in between shows it once more.
"""

from collections.abc import Collection

from identity.clock import Instant
from identity.graph.port import GraphStore
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier

BATCH = 500


def note(identifiers: Collection[Identifier], now: Instant) -> None:
    """Remember that these came to another profile. In the caller's transaction."""
    if identifiers:
        given = Rows("given", key="text")
        execute(
            "INSERT INTO identity_unshown (identifier_id, noted_at)"
            f" SELECT i.id, %s FROM {given} JOIN identity_identifier i ON i.key = given.key",
            [now, *given.of([(each.key,) for each in sorted(identifiers)])],
        )


def note_all(now: Instant) -> int:
    """Remember that every identifier has to be shown: the graph is new, or was moved or restored. Return how many there are."""
    return execute(
        "INSERT INTO identity_unshown (identifier_id, noted_at) SELECT id, %s FROM identity_identifier",
        [now],
    )


def show(store: GraphStore, *, epoch: int) -> int:
    """Show one batch of what was noted; return how many rows that were. Raises StoreAway and LaneSuperseded."""
    rows = fetch(
        "SELECT n.id, i.key, p.uid FROM (SELECT id, identifier_id FROM identity_unshown ORDER BY id LIMIT %s) n"
        " JOIN identity_identifier i ON i.id = n.identifier_id"
        " JOIN identity_profile p ON p.id = i.profile_id",
        [BATCH],
    )
    if rows:
        store.show_members({Identifier.of(key): uid for _, key, uid in rows}, epoch=epoch)
        given = Rows("given", id="bigint")
        execute(
            f"DELETE FROM identity_unshown WHERE id IN (SELECT id FROM {given})",
            given.of([(row,) for row, _, _ in rows]),
        )
    return len(rows)


def lag() -> tuple[int, Instant | None]:
    """Return how many changes are not shown yet, and when the oldest was noted."""
    [(count, oldest)] = fetch("SELECT count(*), min(noted_at) FROM identity_unshown")
    return count, oldest


def forget() -> None:
    """Forget what was noted: the store that it was for is left."""
    execute("DELETE FROM identity_unshown")
