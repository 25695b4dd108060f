"""How the modules on Neo4j ask: one statement, one record back. No driver type."""

from collections.abc import Callable
from typing import Any

# Run one statement of the transaction that is open; return the values of its one record ([] when it returns none).
Ask = Callable[..., list[Any]]
