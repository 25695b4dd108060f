"""What is known about a person and stands in no table of theirs yet is told too, or it is said that it is not."""

from pathlib import Path
from typing import Any

import pytest

from dmp_site.erasing import bundle
from identity.clock import to_datetime
from identity.models import SetAside
from identity.profiles import portrait, selectors
from identity.touchpoints.types import Identifier as Value
from tests.dmp_site.erasing.test_erasing import ALICE, MAIL, come, mail
from tests.road import Road
from tests.stores import name_inbox

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.stores]


def told(road: Road, identifier: Value = ALICE) -> dict[str, Any]:
    profile = selectors.by_identifier(identifier)
    return bundle.of(profile, road.store, actor="user:1", why="request 7", now=road.now)


def put_aside(road: Road, *events: str) -> None:
    """Set rows aside as the lane does with one that fails alone."""
    for number, event in enumerate(events):
        SetAside.objects.create(
            number=1000 + number,
            source=road.source.pk,
            mode="live",
            received_at=road.now,
            payload=road._sealer.seal(b"\n{}\n" + event.encode()),
            error="KeyError",
            state="aside",
            changed_at=road.now,
        )


def test_all_identifiers_are_told_however_few_of_them_a_page_lists(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(road)
    whole = told(road)["identifiers"]
    monkeypatch.setattr(portrait, "LISTED", 1)
    assert told(road)["identifiers"] == whole
    assert len(whole) > 1


def test_touchpoints_that_were_set_aside_are_told_with_their_clear_values(road: Road) -> None:
    come(road)
    put_aside(
        road,
        '{"userId": "bob", "messageId": "n", "type": "identify", "traits": {"email": "bob@shop.example"}}',
        '{"userId": "alice-4711", "messageId": "m", "type": "identify",'
        ' "traits": {"email": "alice@shop.example", "first_name": "Alice", "city": "Nice"}}',
    )
    [one] = told(road)["set_aside"]
    said = one.pop("touchpoint")
    assert said["traits"] == {"city": "Nice"}
    assert said["identifiers"] == [ALICE.key, mail().key]
    assert one.pop("personal") == [
        {"identifier": mail().key, "field": "value", "value": MAIL},
        {"identifier": ALICE.key, "field": "email", "value": MAIL},
        {"identifier": ALICE.key, "field": "first_name", "value": "Alice"},
    ]
    assert one == {
        "number": 1001,
        "received_at": to_datetime(road.now).isoformat(timespec="milliseconds")[:-6] + "Z",
        "source": road.source.pk,
        "state": "aside",
        "error": "KeyError",
    }


def test_somebody_elses_clear_value_in_a_row_of_theirs_is_not_told(road: Road) -> None:
    """Bob's touchpoint, with an address that Alice has too."""
    come(road)
    put_aside(
        road,
        '{"userId": "bob", "messageId": "n", "type": "identify",'
        ' "traits": {"email": "alice@shop.example", "first_name": "Robert"}}',
    )
    [one] = told(road)["set_aside"]
    assert one["personal"] == [{"identifier": mail().key, "field": "value", "value": MAIL}]
    assert "Robert" not in str(one)


def test_a_row_that_cannot_be_read_is_named_and_its_text_kept_back(road: Road) -> None:
    """It mentions one of their values, as an erasure would find it; whose the rest of it is nobody knows."""
    come(road)
    put_aside(road, '["alice@shop.example", "bob@shop.example"', '["bob@shop.example"')
    [one] = told(road)["set_aside"]
    assert (one["number"], one["touchpoint"], one["personal"]) == (1000, None, [])
    assert "bob@" not in str(one)


def test_touchpoints_that_wait_for_a_crowds_turn_are_told(road: Road, settings: Any) -> None:
    settings.CROWD_LINKS = 2
    chain = [
        {
            "event": "Product Viewed",
            "anonymousId": f"shared-{(number + 1) // 2}",
            "context": {"device": {"id": f"device-{number // 2}"}},
        }
        for number in range(4)
    ]
    road.receive(*chain)
    road.run()
    road.receive(
        {
            "event": "Coupon Viewed",
            "anonymousId": "shared-0",
            "context": {"device": {"id": "device-9"}},
        }
    )
    road.loop.step()
    assert SetAside.objects.get().state == "waiting"
    found = told(road, Value("anonymous_id", "shared-0"))
    assert "Coupon Viewed" not in {one["event"] for one in found["touchpoints"]}
    [one] = found["set_aside"]
    assert (one["state"], one["touchpoint"]["event"]) == ("waiting", "Coupon Viewed")


def test_what_waits_in_the_inbox_is_counted_and_said_to_be_missing(
    road: Road, settings: Any
) -> None:
    come(road)
    name_inbox(settings, road.directory)
    assert told(road)["not_told"] == {"inbox": {"live": 0, "history": 0}}
    road.receive({"userId": ALICE.value}, {"userId": "bob"})
    assert told(road)["not_told"] == {"inbox": {"live": 2, "history": 0}}
    road.run()
    assert told(road)["not_told"] == {"inbox": {"live": 0, "history": 0}}


def test_an_inbox_that_is_away_does_not_hold_a_bundle_up(
    road: Road, settings: Any, tmp_path: Path
) -> None:
    come(road)
    settings.INBOX = {
        "BACKEND": "identity.touchpoints.inbox.sqlite.SqliteInbox",
        "OPTIONS": {"path": tmp_path / "nowhere" / "inbox.sqlite3"},
    }
    assert told(road)["not_told"] == {"inbox": None}
