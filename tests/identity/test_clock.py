"""Instants beyond what a datetime can express do not stop who reads them."""

from datetime import UTC, datetime

import pytest
from django.utils.timezone import get_fixed_timezone

from identity.clock import from_datetime, to_datetime


@pytest.mark.parametrize("instant", [-(10**15), -62_135_596_800_001, 253_402_300_800_000, 10**18])
@pytest.mark.parametrize("offset", [-14 * 60, 0, 14 * 60])
def test_the_nearest_time_that_every_zone_can_show(instant: int, offset: int) -> None:
    moment = to_datetime(instant)
    assert moment.astimezone(get_fixed_timezone(offset)).year in {1, 9999}


@pytest.mark.parametrize("instant", [0, -1, 1_700_000_000_123, -2_208_988_800_000])
def test_there_and_back(instant: int) -> None:
    assert from_datetime(to_datetime(instant)) == instant


def test_the_epoch() -> None:
    assert to_datetime(0) == datetime(1970, 1, 1, tzinfo=UTC)
