"""Members by hand: put in and taken out by a journey, the API or a person; the lane alone writes them."""

from collections.abc import Collection, Mapping
from typing import Any

from identity.clock import Instant
from identity.sql import Rows, execute
from identity.touchpoints.types import BatchContext

Pairs = Collection[tuple[int, int]]  # (row id of an owner identifier, audience)


def change(added: Pairs, removed: Pairs, context: BatchContext) -> None:
    """Put people into audiences that are kept by hand, and take others out, in the caller's transaction.

    A person is taken out under whichever identifier they were put in. Membership itself follows with the next look at the profile
    (`refresh.due`), which is due at once. Audiences that are made by a rule are left alone.
    """
    if added:
        _add(added, context.moment)
    if removed:
        _remove(removed)
    if owners := {owner for owner, _ in (*added, *removed)}:
        _look_again(owners, context)


def _add(pairs: Pairs, at: Instant) -> None:
    rows = Rows("p", owner="bigint", audience="bigint")
    execute(
        "INSERT INTO activation_manualmember (owner_id, audience_id, at)"
        f" SELECT DISTINCT p.owner, p.audience, %s FROM {rows}"
        " JOIN activation_audience AS a ON a.id = p.audience AND a.kind = 'manual'"
        " WHERE true ON CONFLICT DO NOTHING",
        [at, *rows.of(pairs)],
    )


def _remove(pairs: Pairs) -> None:
    rows = Rows("p", owner="bigint", audience="bigint")
    execute(
        "DELETE FROM activation_manualmember WHERE (owner_id, audience_id) IN ("
        f"SELECT mine.id, p.audience FROM {rows}"
        " JOIN identity_identifier AS o ON o.id = p.owner"
        " JOIN identity_identifier AS mine ON mine.profile_id = o.profile_id)",
        rows.of(pairs),
    )


def _look_again(owners: Collection[int], context: BatchContext) -> None:
    """Make a look at these people due now; an earlier one that is due already stays."""
    rows = Rows("o", owner="bigint")
    execute(
        "INSERT INTO activation_recheck (profile_id, due_at)"
        f" SELECT DISTINCT i.profile_id, %s FROM {rows}"
        " JOIN identity_identifier AS i ON i.id = o.owner"
        " WHERE true ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at"
        " WHERE activation_recheck.due_at > excluded.due_at",
        [context.moment, *rows.of((owner,) for owner in owners)],
    )


# --- Lane commands, with the payload {"audience": row id, "owners": [row ids of owner identifiers]} ---

ADD = "audience.add"
REMOVE = "audience.remove"


def execute_add(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Carry out ADD."""
    change(_pairs(payload), [], context)


def execute_remove(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Carry out REMOVE."""
    change([], _pairs(payload), context)


def _pairs(payload: Mapping[str, Any]) -> Pairs:
    return [(int(owner), int(payload["audience"])) for owner in payload["owners"]]
