"""The one module that meets the driver of Neo4j: transactions, how long they may take, and what went wrong in the port's words.

No wait is without an end: the server ends a transaction after some seconds, and a server that is frozen, or that the network lost, is
given up when an answer does not come. Why so: docs/decisions/0010-a-frozen-neo4j.md.
"""

import atexit
import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any, TypeVar

from identity import faults
from identity.graph.neo4j_asking import Ask
from identity.graph.port import StoreAway, StoreRefuses

try:
    import neo4j
    from neo4j.exceptions import DriverError, Neo4jError
except ImportError as missing:
    raise ImportError(
        "the graph store on Neo4j needs its driver: pip install -r requirements/served.txt"
    ) from missing

_T = TypeVar("_T")
_CONNECT_WITHIN = 5.0  # seconds
# Seconds, times the patience; with the wait for one more answer under the 30 s after which a lane without a heartbeat is killed.
_TRANSACTION = 12.0
ANSWER_WITHIN = 10.0
_SCHEMA = 600.0  # seconds that an index of a large graph may take to be made
_RETRY_WITHIN = 2.0  # seconds in which the driver tries a read again that lost its connection
# What people can mend, by the beginning of the server's code.
_SAID = {
    "Neo.ClientError.Security.Unauthorized": "Neo4j refuses the user or the password of FILROUGE_GRAPH_URL",
    "Neo.ClientError.Security.Forbidden": "Neo4j does not let the user of FILROUGE_GRAPH_URL do this",
    "Neo.ClientError.Database.DatabaseNotFound": "Neo4j has no database of the name in FILROUGE_GRAPH_DATABASE",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": "Neo4j's database is read-only",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase": "Neo4j's database is read-only",
    "Neo.ClientError.Transaction.TransactionTimedOut": "Neo4j took too long and ended the transaction",
}

_NUMBER_TAKEN = re.compile(
    r"Node\(\d+\) already exists with label `Touchpoint` and property `number`"
)


class Server:
    """One database of a Neo4j server."""

    def __init__(self, *, url: str, user: str, password: str, database: str) -> None:
        self._database = database
        self._driver = _driver(url, user, password)

    def run(self, statements: Collection[str]) -> None:
        """Run each in a transaction of its own: for constraints and indexes, which may take minutes."""
        with _answers(), self._driver.session(database=self._database) as session:
            for statement in statements:
                session.execute_write(_bounded(_asks(statement), _SCHEMA, _SCHEMA))

    def write(self, work: Callable[[Ask], _T], patience: float = 1) -> _T:
        """Do the work in one transaction, which may take `patience` times as long as usual. Raises StoreAway, also when nobody knows whether it was committed, and StoreRefuses.

        It is tried once: the lane has a back-off of its own, and a second wait for a frozen server would be too long for its heartbeat.
        """
        with (
            _answers(),
            self._driver.session(database=self._database) as session,
            session.begin_transaction(timeout=_TRANSACTION * patience) as transaction,
        ):
            done = _within(transaction, work, ANSWER_WITHIN * patience)
            transaction.commit()
        return done

    def read(self, work: Callable[[Ask], _T], patience: float = 1) -> _T:
        """Do the work in one transaction that may not write. Raises StoreAway."""
        bounded = _bounded(work, _TRANSACTION * patience, ANSWER_WITHIN * patience)
        with _answers(), self._driver.session(database=self._database) as session:
            return session.execute_read(bounded)


@cache
def _driver(url: str, user: str, password: str) -> neo4j.Driver:
    """Return the process's one driver for a server: it keeps a pool of connections, which end with the process."""
    opened = neo4j.GraphDatabase.driver(
        url,
        auth=(user, password) if user else None,
        connection_timeout=_CONNECT_WITHIN,
        connection_acquisition_timeout=ANSWER_WITHIN,
        connection_write_timeout=ANSWER_WITHIN,
        max_transaction_retry_time=_RETRY_WITHIN,
        notifications_min_severity="OFF",
    )
    atexit.register(opened.close)
    return opened


def _asks(statement: str) -> Callable[[Ask], list[Any]]:
    return lambda ask: ask(statement)


def _bounded(
    work: Callable[[Ask], _T], within: float, answer: float
) -> Callable[[neo4j.ManagedTransaction], _T]:
    @neo4j.unit_of_work(timeout=within)
    def run(transaction: neo4j.ManagedTransaction) -> _T:
        return _within(transaction, work, answer)

    return run


def _within(
    transaction: neo4j.ManagedTransaction | neo4j.Transaction,
    work: Callable[[Ask], _T],
    answer: float,
) -> _T:
    """Let the work ask, each answer within that many seconds."""
    # The driver takes this limit from the server alone, whose own is two minutes; it stays with the connection.
    transaction._connection.socket.set_read_timeout(answer)  # noqa: SLF001

    def ask(cypher: str, **parameters: Any) -> list[Any]:
        found = transaction.run(cypher, parameters).values()
        return found[0] if found else []

    return work(ask)


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    """Say in the port's words what went wrong."""
    try:
        yield
    except Neo4jError as error:
        if _blames_data(error):
            raise StoreRefuses(f"Neo4j refuses a touchpoint: {faults.said(error)}") from error
        raise StoreAway(f"{_trouble(error)} ({_said(error)})") from error
    except (DriverError, OSError) as error:
        raise StoreAway(f"Neo4j does not answer ({_said(error)})") from error
    except (UnicodeError, OverflowError, RecursionError) as error:
        raise StoreRefuses(f"Neo4j refuses a touchpoint: {error}") from error


def _trouble(error: Neo4jError) -> str:
    if _knows_the_number(error):
        return "Neo4j has another touchpoint under this number: PostgreSQL is older than its graph, restore both from one backup"
    code = error.code or ""
    known = (text for start, text in _SAID.items() if code.startswith(start))
    return next(known, "Neo4j is in trouble")


def _said(error: Exception) -> str:
    return f"{getattr(error, 'code', '') or type(error).__name__}: {str(error)[:300]}"


def _knows_the_number(error: Neo4jError) -> bool:
    """Tell whether a number that the inbox gave just now is another touchpoint's already: no touchpoint can help that."""
    return _NUMBER_TAKEN.match(error.message or "") is not None


def _blames_data(error: Neo4jError) -> bool:
    """Tell whether the server finds fault with what was sent: a value too long for its index, a constraint that it would break."""
    code = error.code or ""
    if _knows_the_number(error):
        return False
    return code.startswith(
        ("Neo.ClientError.Statement.", "Neo.ClientError.Schema.ConstraintValidation")
    ) or "too large to index" in str(error)
