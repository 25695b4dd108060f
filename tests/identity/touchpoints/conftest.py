"""Every back end of the inbox, for the contract suite."""

from pathlib import Path

import pytest

from identity.touchpoints.inbox.port import Inbox
from identity.touchpoints.inbox.sqlite import SqliteInbox
from identity.touchpoints.models import Lane


@pytest.fixture(params=["sqlite"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path, db: None) -> Inbox:
    """Make an inbox, and a lane that has processed nothing."""
    made: Inbox = {"sqlite": lambda: SqliteInbox(tmp_path / "inbox.sqlite3")}[request.param]()
    made.make()
    Lane.objects.get_or_create(pk=1)
    return made
