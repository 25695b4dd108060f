"""The vault gives clear values to who says why, and logs it."""

import pytest

from identity.errors import DomainError
from identity.privacy import vault
from identity.privacy.models import VaultAccess, VaultEntry
from identity.privacy.vault import Entry

pytestmark = pytest.mark.django_db

ALICE, BOB = "user_id:alice", "user_id:bob"
NOW = 1_700_000_000_000


def reveal(*wanted: tuple[str, str]) -> dict[tuple[str, str], str]:
    return vault.reveal(wanted, actor="user:7", why="a question of theirs", now=NOW)


def test_each_value_that_is_read_is_logged() -> None:
    vault.store([Entry(ALICE, "first_name", "Alice ☀", 1, 1, "t1")])
    assert reveal((ALICE, "first_name"), (BOB, "first_name")) == {(ALICE, "first_name"): "Alice ☀"}
    access = VaultAccess.objects.get()
    assert (access.actor, access.why) == ("user:7", "a question of theirs")
    assert (access.identifier, access.field) == (ALICE, "first_name")


def test_the_newest_value_is_kept() -> None:
    vault.store(
        [Entry(ALICE, "phone", "+331", 5, 5, "t1"), Entry(ALICE, "phone", "+332", 4, 9, "t2")]
    )
    vault.store([Entry(ALICE, "phone", "+333", 5, 4, "t3")])
    assert reveal((ALICE, "phone"))[ALICE, "phone"] == "+331"


def test_equal_values_do_not_look_equal() -> None:
    vault.store([Entry(ALICE, "name", "A", 1, 1, "t"), Entry(BOB, "name", "A", 1, 1, "t")])
    assert len(set(VaultEntry.objects.values_list("sealed", flat=True))) == 2


def test_a_sealed_value_does_not_open_elsewhere() -> None:
    vault.store([Entry(ALICE, "name", "A", 1, 1, "t"), Entry(BOB, "name", "B", 1, 1, "t")])
    stolen = VaultEntry.objects.get(identifier=BOB).sealed
    VaultEntry.objects.filter(identifier=ALICE).update(sealed=stolen)
    with pytest.raises(DomainError, match="restore the key file"):
        reveal((ALICE, "name"))


def test_fields_names_what_there_is_without_opening_it() -> None:
    vault.store([Entry(ALICE, "name", "A", 1, 1, "t"), Entry(ALICE, "ip", "::1", 2, 2, "t")])
    assert vault.fields([ALICE]) == [(ALICE, "ip", 2), (ALICE, "name", 1)]
    assert not VaultAccess.objects.exists()
