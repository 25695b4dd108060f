"""What an export says of profiles, and that it reads block by block."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity.privacy.models import VaultAccess
from identity.profiles.exports import records
from identity.profiles.exports.records import COLUMNS, PERSONAL, Reveal
from identity.profiles.models import Profile
from identity.touchpoints import sources
from identity.touchpoints.types import Direction
from tests.identity.profiles.people import T0, profile, touchpoint
from tests.identity.profiles.road import mail, take

pytestmark = pytest.mark.django_db

ADDRESS = "alice@shop.example"


@pytest.fixture
def alice() -> Profile:
    """Make somebody with an address, a trait, a consent and an order."""
    key, pii = mail(ADDRESS)
    source = sources.create("Shop", "site", T0, actor="tests").pk
    take(
        touchpoint(
            1,
            "identify",
            of=("user_id:alice", "anonymous_id:guest", key),
            source=source,
            pii=pii,
            pii_fields={"first_name": "Alice"},
            traits={"plan": "gold", "consent": {"marketing": {"email": True}}},
        ),
        touchpoint(
            2,
            "Order Completed",
            of=("user_id:alice",),
            at=1000,
            source=source,
            direction=Direction.INBOUND,
            channel="site",
            properties={"order_id": 7, "revenue": 12.5, "currency": "EUR"},
        ),
    )
    return Profile.objects.get(identifiers__key="user_id:alice")


def exported(**options: Any) -> list[dict[str, Any]]:
    return [record for block in records.blocks(**options) for record in block]


def test_a_record(alice: Profile) -> None:
    [record] = exported()
    assert record["identifiers"][0] == "user_id:alice"
    assert record["identifiers"][1].startswith("email:")
    assert record["identifiers"][2] == "anonymous_id:guest"
    assert {**record, "identifiers": []} == {
        "id": alice.uid,
        "first_seen": "2023-11-14T22:13:20.000Z",
        "last_seen": "2023-11-14T22:13:21.000Z",
        "time_zone": "",
        "identifiers": [],
        "traits": {"consent": {"marketing": {"email": True}}, "plan": "gold"},
        "consent": {"marketing": {"email": True}},
        "suppressed": [],
        "orders": 1,
        "revenue": {"EUR": "12.50"},
    }
    assert tuple(record) == COLUMNS


def test_personal_data_needs_a_reason_and_leaves_a_trace(alice: Profile) -> None:
    assert ADDRESS not in str(exported())
    assert not VaultAccess.objects.exists()
    [record] = exported(reveal=Reveal("command:x", "they asked", clock=lambda: T0))
    shown = {
        (one["identifier"].split(":")[0], one["field"]): one["value"] for one in record[PERSONAL]
    }
    assert shown == {("email", "value"): ADDRESS, ("user_id", "first_name"): "Alice"}
    log = VaultAccess.objects.values_list("actor", "why", "field")
    assert sorted(log) == [
        ("command:x", "they asked", "first_name"),
        ("command:x", "they asked", "value"),
    ]


def test_every_profile_once_whatever_the_size_of_the_blocks() -> None:
    made = [profile(f"user_id:u{number}").uid for number in range(7)]
    emptied = profile("user_id:gone")
    emptied.identifiers.all().delete()
    for size in (1, 2, 3, 7, 8):
        blocks = list(records.blocks(size=size))
        assert max(map(len, blocks)) <= size
        assert [record["id"] for block in blocks for record in block] == made


def test_the_number_of_statements_depends_on_blocks_not_on_people() -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            exported(reveal=Reveal("command:x", "counted", clock=lambda: T0))
        return len(queries)

    profile("user_id:first")
    one = statements()
    for number in range(20):
        profile(f"user_id:u{number}")
    assert statements() == one


def test_only_those_asked_for(alice: Profile) -> None:
    bob = profile("user_id:bob")

    def whose(after: int, limit: int) -> list[int]:
        return [bob.pk] if after < bob.pk else []

    assert [record["id"] for record in exported(whose=whose)] == [bob.uid]
