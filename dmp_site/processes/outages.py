"""Which errors are no row's and no command's fault."""

from identity.graph.port import LaneSuperseded, StoreAway
from identity.outage import is_outage


def away(error: Exception) -> bool:
    """Tell whether a store does not answer: the lane waits for it. InboxAway is an OSError."""
    return isinstance(error, StoreAway | OSError) or is_outage(error)


def foreseen(error: Exception) -> bool:
    """Tell whether an error is no row's and no command's fault."""
    return isinstance(error, LaneSuperseded) or away(error)
