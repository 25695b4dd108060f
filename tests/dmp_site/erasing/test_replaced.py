"""A lane stands still before it records what it holds; another takes over and erases who is in it; the first goes on, and brings nobody back.

Here both are in one process, so that SQLite can be asked: there the lock of a frozen process is free when it dies, so none is ever
woken. tests/dmp_site/processes/test_frozen_lane.py freezes processes, inside of the transaction too.
"""

from typing import Any

import pytest

from identity.graph.port import LaneSuperseded
from identity.models import Identifier
from tests.dmp_site.erasing.searching import found
from tests.dmp_site.erasing.test_erasing import come, erase, needles
from tests.road import Road

pytestmark = pytest.mark.stores


def test_who_is_erased_meanwhile_does_not_come_back(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(road, "bob", "bob@shop.example", "browser-b")
    others = Identifier.objects.count()
    first, record = road.loop, road.store.record

    def stand_still(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        road.loop = road.new_lane()
        road.run()
        assert found(["alice-4711"]) != [], "the second lane took what the first holds"
        erase(road)
        assert found(needles()) == []
        return record(*arguments, **named)

    monkeypatch.setattr(road.store, "record", stand_still)
    with pytest.raises(LaneSuperseded):
        come(road)
    assert first is not road.loop
    assert found(needles()) == []
    road.run()
    assert found(needles()) == []
    assert Identifier.objects.count() == others
