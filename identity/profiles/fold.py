"""Stage 3: what a batch's touchpoints say about their persons, kept per owner identifier.

A merge or a split moves none of it: whoever reads a profile sums the owners that it has now (identity.profiles.facts).
"""

from collections.abc import Iterator, Sequence

from identity.privacy import registers, vault
from identity.profiles.folding import households, orders, presence, traits, visits
from identity.profiles.types import Arrival, Resolved
from identity.touchpoints.types import BatchContext


def fold(resolved: Resolved, context: BatchContext) -> None:
    """Fold the batch's arrivals, in the caller's transaction; the number of statements does not depend on how many there are."""
    arrivals = resolved.arrivals
    traits.fold(arrivals)
    presence.fold_seen(arrivals)
    presence.fold_contacts(arrivals)
    visits.fold(resolved)
    orders.fold(arrivals)
    households.fold(arrivals, context.now, resolved.policy)
    vault.store(_clear_values(arrivals))
    registers.keep_wishes([one.touchpoint for one in arrivals])


def _clear_values(arrivals: Sequence[Arrival]) -> Iterator[vault.Entry]:
    """Yield what goes to the vault: the values of PII identifiers, each under its own key, and the owner's fields."""
    for arrival in arrivals:
        touchpoint = arrival.touchpoint
        moment = touchpoint.at, touchpoint.received_at, touchpoint.id
        for identifier, clear in touchpoint.pii.items():
            yield vault.Entry(identifier.key, vault.VALUE, clear, *moment)
        if touchpoint.owner is not None:
            for name, clear in touchpoint.pii_fields.items():
                yield vault.Entry(
                    touchpoint.owner.key, name.replace("\0", "")[:200], clear, *moment
                )
