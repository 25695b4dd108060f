"""The yardsticks of the pipeline do the product's work: the same touchpoints give the same digest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from benchmarks.road import prepare
from benchmarks.road.digest import digest
from benchmarks.road.drive import WHO, drive
from tests.stores import use_inbox

TOUCHPOINTS, PEOPLE = 600, 60
NOT_BROUGHT = {"suppressions", "set aside", "delivery steps", "reactions"}

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def driven(tmp_path: Path, settings: Any) -> Callable[[str], dict[str, str]]:
    """Return a function that drives the same full inbox down a road and tells what came out; nothing of it stays."""
    settings.DATA_DIR = tmp_path
    use_inbox(settings, tmp_path)
    prepare.main(str(TOUCHPOINTS), str(PEOPLE))

    def driven(who: str) -> dict[str, str]:
        with transaction.atomic():
            drive(WHO[who](), TOUCHPOINTS)
            found = digest()
            transaction.set_rollback(True)
        return found

    return driven


def test_the_yardsticks_give_the_digest_of_the_product(driven):
    product = driven("steady")
    empty = {subject for subject, hashed in product.items() if hashed.startswith("0 ")}
    assert empty == NOT_BROUGHT, "the stream brings something of everything else"
    assert driven("batched") == product
    assert driven("naive") == product
