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
