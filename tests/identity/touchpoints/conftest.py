"""The inbox that the contract suite runs on."""

from pathlib import Path

import pytest

from identity.touchpoints.inbox.port import Inbox
from identity.touchpoints.models import Lane
from tests.stores import empty_inbox


@pytest.fixture
def inbox(tmp_path: Path, transactional_db: None) -> Inbox:
    """Make an inbox of the kind that STORES names, and a lane that has processed nothing."""
    made = empty_inbox(tmp_path)
    Lane.objects.get_or_create(pk=1)
    return made
