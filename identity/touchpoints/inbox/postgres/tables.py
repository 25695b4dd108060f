"""What both sides of the inbox in PostgreSQL know: its tables, its locks, and what went wrong in the port's words."""

import contextlib
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, ProgrammingError

from identity import faults
from identity.clock import SECOND
from identity.touchpoints.inbox.port import (
    ForeignInbox,
    InboxAway,
)

SLICE = 2_000  # rows deleted in one commit, few enough not to delay an append
LEASE = 60 * SECOND
LOOK = 0.002  # seconds between looks at a lock that somebody holds
PATIENCE = 500  # looks until a commit is taken to hang
# Advisory locks: the class is ours, the object says for what.
CLASS = 1_179_208_018  # "FILR"
WRITER, STAMP, PRUNE = 1, 2, 3

SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox_mark (
    id smallint PRIMARY KEY, uuid uuid NOT NULL, last_number bigint NOT NULL, last_received bigint NOT NULL,
    live_ordinal bigint NOT NULL, history_ordinal bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox_live (
    number bigint PRIMARY KEY, ordinal bigint NOT NULL, source bigint NOT NULL, received_at bigint NOT NULL, payload bytea NOT NULL,
    wish boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox_history (LIKE inbox_live INCLUDING ALL);
CREATE INDEX IF NOT EXISTS inbox_live_wishes ON inbox_live (number) WHERE wish;
CREATE INDEX IF NOT EXISTS inbox_history_wishes ON inbox_history (number) WHERE wish;
CREATE TABLE IF NOT EXISTS inbox_lease (
    mode text PRIMARY KEY, token uuid, until bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL, kept_from bigint NOT NULL
);
INSERT INTO inbox_lease VALUES ('live', NULL, 0, 0, 0, 0), ('history', NULL, 0, 0, 0, 0);
"""

MISSING = (
    "there is no inbox in this database: run `manage.py setup`, or restore it from its backup"
)


@contextlib.contextmanager
def answers() -> Iterator[None]:
    """Say in the port's words what went wrong."""
    try:
        yield
    except ProgrammingError as error:  # no such table
        raise ForeignInbox(MISSING) from error
    except (OperationalError, InterfaceError) as error:
        raise InboxAway(f"the inbox cannot be read: {faults.said(error)}") from error
