from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from identity.profiles import fold as fold_stage
from identity.profiles.types import Resolved
from identity.touchpoints.types import BatchContext
from tests.road import Road


@pytest.fixture
def road(tmp_path: Path, db: None) -> Iterator[Road]:
    made = Road(tmp_path)
    yield made
    made.writer.close()


FailAt = Callable[[str, BaseException | None], None]


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> FailAt:
    """Return a function that lets stage 3 raise at every batch that holds an event of this name; None: no more."""
    real = fold_stage.fold

    def at(event: str, error: BaseException | None) -> None:
        def failing(resolved: Resolved, context: BatchContext) -> None:
            if error and any(each.touchpoint.event == event for each in resolved.arrivals):
                raise error
            real(resolved, context)

        monkeypatch.setattr(fold_stage, "fold", failing)

    return at
