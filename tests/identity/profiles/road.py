"""Stages 1 to 3 for tests of what is read afterwards."""

from identity import graph
from identity.profiles import fold, resolve
from identity.profiles.types import Resolved
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier, Touchpoint
from tests.identity.profiles.people import CONTEXT

EPOCH = 1


def take(*touchpoints: Touchpoint) -> Resolved:
    """Record, resolve and fold a batch."""
    store = graph.store()
    store.make()
    store.raise_epoch(EPOCH)
    recorded = store.record(touchpoints, epoch=EPOCH, contested=resolve.contested(touchpoints))
    resolved = resolve.resolve(touchpoints, recorded, CONTEXT)
    fold.fold(resolved, CONTEXT)
    return resolved


def mail(address: str = "alice@shop.example") -> tuple[str, dict[Identifier, str]]:
    """Return the key of an e-mail address, and what decoding says is its clear value."""
    identifier = naming.identifier("email", address)
    return identifier.key, {identifier: address}
