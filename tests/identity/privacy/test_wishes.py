"""Which rows of the inbox may hold a wish, and since when one waits for the lane."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.privacy import services, waiting, wishes
from identity.touchpoints import commands
from identity.touchpoints.types import Identifier
from tests.activation.people import NOON

ALICE = [Identifier("user_id", "alice")]


class Reader:
    """An inbox as who waits for it sees it."""

    wish: int | None = None

    def oldest_wish(self) -> int | None:
        return self.wish


@pytest.mark.parametrize(
    "event",
    [
        {"event": "Unsubscribed"},
        {"event": "Email Bounced"},
        {"event": "Email Marked as Spam"},
        {"traits": {"consent": {"marketing": False}}},
        {"context": {"consent": {"categoryPreferences": {"ads": False}}}},
    ],
)
def test_wishes_are_seen_however_they_are_written(event):
    plain = json.dumps(event)
    assert wishes.may_hold(plain.encode())
    escaped = plain.replace("E", "\\u0045").replace("U", "\\u0055").replace("c", "\\u0063")
    assert json.loads(escaped) == event
    assert wishes.may_hold(escaped.encode())
    assert wishes.may_hold(plain.replace(" ", "\\u0020").encode())


@given(st.dictionaries(st.text(), st.text(alphabet="abdé<&>\U0001f600 0")))
def test_other_rows_hold_nobody_up(properties):
    event = {"event": "Order Completed", "properties": properties}
    words = ("consent", "Unsubscribed", "Email Bounced", "Email Marked as Spam", "\\u00")
    wished = any(word in name for word in words for name in properties)
    assert wishes.may_hold(json.dumps(event).encode()) <= wished


@pytest.mark.django_db
def test_a_wish_waits_as_a_row_or_as_a_command(settings):
    reader: Any = Reader()
    assert waiting.oldest(reader) is None
    commands.enqueue("audience.add", {}, "user:1", NOON - 9)
    number = services.ask_consent(
        ALICE, "marketing", "email", granted=False, actor="user:1", now=NOON
    )
    services.ask_suppression(ALICE, "email", active=True, actor="user:1", now=NOON + 5)
    assert waiting.oldest(reader) == NOON
    reader.wish = NOON - 1
    assert waiting.oldest(reader) == NOON - 1
    reader.wish = NOON + 9
    commands.finish(number, NOON)
    assert waiting.oldest(reader) == NOON + 5
