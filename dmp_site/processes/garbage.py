"""How often a process looks for garbage that refers to itself."""

import gc

_NEW = 50_000  # objects more than were let go


def collect_seldom() -> None:
    """Look for cycles after many new objects only, and never among what the start brought.

    A batch of the lane makes some 100,000 objects and nearly no cycle: at Python's own threshold of 700 a tenth of the lane's
    time went into looking at them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW, 20, 20)
