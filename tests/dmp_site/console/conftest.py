"""The whole road for tests of the console: what its pages show was made by the lane."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity.signing import sign_in
from tests.road import Road

__all__ = ["road", "sign_in"]


@pytest.fixture
def road(tmp_path: Path, db: None) -> Iterator[Road]:
    made = Road(tmp_path)
    yield made
    made.writer.close()
