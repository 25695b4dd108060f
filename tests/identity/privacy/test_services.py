"""The console asks, the lane writes; what was asked is in the audit log."""

import pytest

from identity.errors import DomainError
from identity.privacy import services
from identity.privacy.models import AuditEntry, Consent, Suppression
from identity.privacy.types import said
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext, Identifier, Mode

pytestmark = pytest.mark.django_db

ALICE = Identifier("user_id", "alice")
NOW = 1_700_000_000_000
CONTEXT = BatchContext(now=NOW + 5, horizon=NOW, mode=Mode.LIVE, epoch=1)


def test_a_wish_waits_for_the_lane_and_is_audited() -> None:
    services.ask_consent([ALICE], "marketing", "email", granted=False, actor="user:1", now=NOW)
    assert not Consent.objects.exists()
    command = LaneCommand.objects.get()
    assert command.kind == services.CONSENT
    assert AuditEntry.objects.get().detail["granted"] is False
    services.set_consent(command.payload, CONTEXT)
    word = Consent.objects.get()
    assert (word.identifier, word.purpose, word.channel) == (ALICE.key, "marketing", "email")
    assert (word.granted, word.said_by) == (False, "user:1")


def test_of_two_wishes_the_later_holds_even_in_one_millisecond() -> None:
    for granted in (True, False):
        services.ask_consent([ALICE], "news", "*", granted=granted, actor="user:1", now=NOW)
    for command in LaneCommand.objects.order_by("pk"):
        services.set_consent(command.payload, CONTEXT)
    assert Consent.objects.get().granted is False


def test_a_bar_is_set_and_lifted() -> None:
    for at, active in ((NOW, True), (NOW + 1, False)):
        services.ask_suppression([ALICE], "*", active=active, actor="key:frk_x", now=at)
        services.set_suppression(LaneCommand.objects.latest("pk").payload, CONTEXT)
        assert Suppression.objects.filter(active=True).exists() is active


@pytest.mark.parametrize("name", ["Email", " EMAIL ", "email", "*", "Call", "site"])
def test_a_channel_is_closed_however_its_name_is_written(name: str) -> None:
    services.ask_suppression([ALICE], name, active=True, actor="user:1", now=NOW)
    services.set_suppression(LaneCommand.objects.latest("pk").payload, CONTEXT)
    assert Suppression.objects.get().channel == name.strip().lower()


@pytest.mark.parametrize("name", ["emial", "", "e mail", "x" * 61])
def test_a_channel_of_which_nobody_has_heard_is_refused(name: str) -> None:
    with pytest.raises(DomainError, match="there is no channel"):
        services.ask_suppression([ALICE], name, active=True, actor="user:1", now=NOW)
    with pytest.raises(DomainError, match="there is no channel"):
        services.ask_consent([ALICE], "news", name, granted=True, actor="user:1", now=NOW)
    assert not LaneCommand.objects.exists()


def test_what_a_touchpoint_closed_under_some_other_name_can_be_opened_again() -> None:
    services.ask_suppression([ALICE], "Fax", active=False, actor="user:1", now=NOW)
    assert LaneCommand.objects.get().payload["channel"] == "fax"


def test_a_word_on_a_channel_outranks_one_on_all() -> None:
    words = {("news", "*"): True, ("news", "email"): False}
    assert said(words, "news", "email") is False
    assert said(words, "news", "sms") is True
    assert said(words, "offers", "sms") is None


def test_a_malformed_command_is_refused() -> None:
    with pytest.raises(DomainError):
        services.set_consent({"identifiers": "user_id:alice"}, CONTEXT)
