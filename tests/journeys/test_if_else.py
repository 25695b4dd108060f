"""If / else on consent hears what was said, as the senders do."""

import pytest

from journeys.nodes.if_else import ConsentCondition
from journeys.nodes.kind import Visit
from journeys.rules import Settings
from journeys.types import Situation
from tests.activation.people import NOON, facts


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, "unsaid"),
        ({("marketing", "*"): True}, "given"),
        ({("marketing", "*"): False}, "refused"),
        ({("marketing", "*"): False, ("marketing", "email"): True}, "given"),
        ({("marketing", "email"): False, ("marketing", "*"): True}, "refused"),
        ({("marketing", "sms"): True, ("news", "*"): True}, "unsaid"),
    ],
)
def test_a_word_on_every_channel_is_one_on_this(
    said: dict[tuple[str, str], bool], state: str
) -> None:
    person = facts(1, [1], consent=said)
    visit = Visit("a", 1, None, None, Situation(1, NOON, person), Settings(), NOON)
    held = {
        each
        for each in ("given", "refused", "unsaid")
        if ConsentCondition("marketing", "Email", each).holds(visit)
    }
    assert held == {state}
