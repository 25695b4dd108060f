"""What may be told of an error, in logs and in lists. A database that refuses a row quotes what is in it.

PostgreSQL names the key that is there already ("DETAIL: Key (key)=(user_id:…)"), the value that it cannot read, and the line of the
statement; Neo4j the value that is too long for its index. Logs are read by more people than tables, and no erasure reaches them.
SQLite quotes names of columns only.
"""

import traceback
from collections.abc import Iterator

from identity.outage import sqlstate

# SQLSTATE classes: data exception, integrity constraint, what is wrong with a statement
_QUOTING = {"22", "23", "42"}


def said(error: BaseException) -> str:
    """Return an error's type and text; of a database that may quote values its type, code and constraint."""
    name, state = type(error).__name__, sqlstate(error)
    if _quotes(error):
        return f"{name} ({', '.join(filter(None, (state or _code(error), _constraint(error))))})"
    return f"{name}: {str(error).partition(chr(10))[0] if state else error}"


def traced(error: BaseException) -> str:
    """Return where an error and what caused it were raised, with what is `said` of each, as a log shows it."""
    parts = (
        "".join(["\n", *traceback.format_tb(each.__traceback__), said(each)])
        for each in _chain(error)
    )
    return "\n".join(reversed([*parts]))


def quotes(error: BaseException) -> bool:
    """Tell whether an error, or what caused it, says more than may be told."""
    return any(map(_quotes, _chain(error)))


def _quotes(error: BaseException) -> bool:
    return sqlstate(error)[:2] in _QUOTING or _code(error).startswith("Neo.ClientError.")


def _code(error: BaseException) -> str:
    """Return Neo4j's code of an error, or another's of its own."""
    return str(getattr(error, "code", None) or "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what caused it, the last first; as Python shows them. Causes may go round in a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _constraint(error: BaseException) -> str:
    """Return the name of the constraint that PostgreSQL would have broken, "" when it says none."""
    told = getattr(error, "diag", None) or getattr(error.__cause__, "diag", None)
    return str(getattr(told, "constraint_name", None) or "")
