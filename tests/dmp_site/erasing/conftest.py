from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity.signing import sign_in
from tests.road import Road

__all__ = ["sign_in"]


@pytest.fixture
def road(tmp_path: Path, db: None) -> Iterator[Road]:
    made = Road(tmp_path)
    yield made
    made.writer.close()
