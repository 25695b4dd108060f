"""What the modules of the graph store on SQL share."""

import contextlib
from collections.abc import Iterator

from django.db import DataError, Error, IntegrityError, OperationalError

from identity import faults
from identity.graph.port import StoreAway, StoreRefuses
from identity.outage import is_outage

MARK = 1  # the one row of GraphMark


@contextlib.contextmanager
def answers() -> Iterator[None]:
    """Say in the port's words what went wrong."""
    try:
        yield
    except Error as error:
        if is_outage(error):
            raise StoreAway(f"the graph store does not answer: {faults.said(error)}") from error
        if isinstance(error, DataError | IntegrityError | OperationalError):
            raise _refusal(error) from error
        raise
    except (UnicodeError, OverflowError, RecursionError) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> StoreRefuses:
    return StoreRefuses(f"the graph store refuses a touchpoint: {faults.said(error)}")
