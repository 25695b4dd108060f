"""How many rows the lane takes at once: fewer only when somebody waits for it."""

import pytest

from dmp_site.processes.care import BATCH, FEWEST, SHORT, Care

LONG = 5 * SHORT


def test_a_long_transaction_that_nobody_waits_for_stays_as_large_as_it_is() -> None:
    care = Care()
    care.took(LONG, BATCH, awaited=False)
    assert care.limit == BATCH


def test_who_waits_makes_batches_short_and_they_grow_again_when_nobody_does() -> None:
    care = Care()
    for _ in range(10):
        care.took(LONG, care.limit, awaited=True)
    assert care.limit == FEWEST
    care.took(LONG, care.limit, awaited=False)
    assert FEWEST < care.limit < BATCH
    for _ in range(30):
        care.took(LONG, care.limit, awaited=False)
    assert care.limit == BATCH


@pytest.mark.parametrize("awaited", [True, False])
def test_a_batch_that_was_small_anyway_lets_none_grow(*, awaited: bool) -> None:
    care = Care(pace=200)
    care.took(SHORT / 10, 50, awaited=awaited)
    assert care.limit == 200


def test_a_short_batch_grows_although_somebody_waits() -> None:
    care = Care(pace=200)
    care.took(SHORT / 10, 200, awaited=True)
    assert care.limit == 225


def test_what_a_store_did_not_take_in_time_is_halved_and_grows_again() -> None:
    care = Care.of(2_000)
    assert care.limit == 2_000
    care.away()
    assert care.limit == 1_000
    for _ in range(9):
        care.away()
    assert care.limit == FEWEST
    for _ in range(40):
        care.took(SHORT, care.limit, awaited=False)
    assert care.limit == 2_000
