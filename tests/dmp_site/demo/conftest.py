from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.road import Road


@pytest.fixture
def road(tmp_path: Path, db: None) -> Iterator[Road]:
    made = Road(tmp_path)
    yield made
    made.writer.close()
