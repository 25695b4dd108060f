"""Instants read as datetimes, before a row is stored as well as after."""

from datetime import UTC, datetime

import pytest

from identity.privacy.models import AuditEntry
from identity.touchpoints.models import WriteKey

MOMENT = datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC)


@pytest.mark.parametrize("said", [1_700_000_000_005, MOMENT])
def test_an_instant_that_is_set_reads_as_a_datetime_at_once(said):
    assert AuditEntry(at=said).at == MOMENT
    key = WriteKey(created_at=said)
    assert (key.created_at, key.revoked_at) == (MOMENT, None)
    key.revoked_at = said
    assert key.revoked_at == MOMENT


@pytest.mark.django_db
def test_an_instant_is_the_same_before_and_after_it_is_stored():
    made = AuditEntry.objects.create(at=1_700_000_000_005, actor="a", action="b", object="c")
    assert made.at == MOMENT == AuditEntry.objects.get().at
    made.refresh_from_db()
    assert made.at == MOMENT
