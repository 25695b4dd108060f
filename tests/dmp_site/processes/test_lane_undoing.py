"""A merge of very many is undone slice by slice, and what a slice costs does not grow with what was merged."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from activation.audiences import services as audiences
from activation.audiences.models import Membership
from identity import graph
from identity.clock import MINUTE
from identity.models import Identifier, LaneCommand
from identity.profiles import forgetting, unsettled
from identity.profiles.rebuild import rebuild
from identity.touchpoints.types import Identifier as Named
from tests.road import Road

BATCH = 25
STEPS = 100  # of the database between two counts


def merge(road: Road, card: Named, browsers: int) -> None:
    """Let browsers that were there before join one card that everybody types in, some with each batch."""
    names = [f"{card.value}-{n}" for n in range(browsers)]
    typed = {"context": {"externalIds": [{"type": card.namespace, "id": card.value}]}}
    road.receive(*({"event": "Product Viewed", "anonymousId": name} for name in names))
    road.run()
    for start in range(0, browsers, BATCH):
        road.now += MINUTE
        some = names[start : start + BATCH]
        road.receive(*({"event": "x", "anonymousId": name, **typed} for name in some))
        road.run()
    assert homes(card) == 1


def undo(road: Road, card: Named, browsers: int) -> None:
    road.now += MINUTE
    forgetting.ask(card, actor="user:1", now=road.now)
    road.run()
    assert not LaneCommand.objects.exclude(error="").exists()
    assert homes(card) == browsers


def homes(card: Named) -> int:
    mine = Identifier.objects.filter(key__startswith=f"anonymous_id:{card.value}-")
    return mine.values("profile").distinct().count()


@contextmanager
def counting() -> Iterator[list[None]]:
    """Count what the database does: it tells nobody how many rows it looks at."""
    counted: list[None] = []
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: counted.append(None), STEPS)
    yield counted
    connection.connection.set_progress_handler(None, STEPS)


def test_twice_as_many_are_parted_with_twice_the_work(
    road: Road, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite counts its steps")
    settings.CROWD_LINKS = 10_000
    for module in (forgetting, unsettled):
        monkeypatch.setattr(module, "SLICE", BATCH)
    rule = {"did": "Product Viewed", "within_days": 1, "at_least": 1}
    buyers = audiences.create("Buyers", rule=rule, actor="tests", now=road.now)
    audiences.publish(buyers.pk, actor="tests", now=road.now)
    spent = []
    for card, browsers in (("one", 250), ("other", 500)):
        merge(road, Named("loyalty_id", card), browsers)
        with counting() as counted:
            undo(road, Named("loyalty_id", card), browsers)
        spent.append(len(counted))
    assert Membership.objects.count() == 750
    assert rebuild(graph.store(), now=None).agrees
    assert spent[1] < 2.6 * spent[0]
