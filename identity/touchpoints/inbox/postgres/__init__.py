"""The inbox as tables of the PostgreSQL that keeps the Django database: one writer, rows that go with the transaction that processed them.

The writer has a connection of its own; the lane reads and settles over Django's. A row is stamped with its time of receipt *inside*
its commit, under an advisory lock that `claim` passes through after its caller has read the clock: whatever was stamped earlier is
then visible (docs/decisions/0002). A claim is a committed lease on a range of numbers; `settle` deletes by its token, and aborts the
transaction when a row is missing.
"""

import contextlib
import uuid
from collections.abc import Callable, Iterator

from identity.clock import Instant
from identity.sql import execute, fetch
from identity.touchpoints.inbox.port import (
    Inbox,
    InboxReader,
    InboxWriter,
)
from identity.touchpoints.inbox.postgres.reader import PostgresReader
from identity.touchpoints.inbox.postgres.tables import (
    CLASS,
    PRUNE,
    SCHEMA,
    answers,
)
from identity.touchpoints.inbox.postgres.writer import PostgresWriter

__all__ = ["SCHEMA", "PostgresInbox", "PostgresReader", "PostgresWriter"]


class PostgresInbox(Inbox):
    """An inbox in the database of the alias `using`."""

    def __init__(self, using: str = "default") -> None:
        self._using = using

    def make(self) -> uuid.UUID:
        if fetch("SELECT to_regclass('inbox_mark')") == [(None,)]:
            execute(
                SCHEMA
            )  # locks its tables until the end of the transaction, so not for nothing
        execute(
            "INSERT INTO inbox_mark VALUES (1, %s, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING",
            [uuid.uuid4()],
        )
        return self.reader().uuid()

    def writer(self, clock: Callable[[], Instant]) -> InboxWriter:
        return PostgresWriter(self._using, clock)

    def reader(self) -> InboxReader:
        return PostgresReader()

    @contextlib.contextmanager
    def rest(self) -> Iterator[None]:
        with answers():
            execute("SELECT pg_advisory_lock_shared(%s, %s)", [CLASS, PRUNE])
        try:
            yield
        finally:
            execute("SELECT pg_advisory_unlock_shared(%s, %s)", [CLASS, PRUNE])
