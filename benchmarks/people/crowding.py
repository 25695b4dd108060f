"""Lets a crowd arrive among other people, drives the lane, and looks whether a human finds the crowd on a list.

    python -m benchmarks.inside benchmarks.people.crowding SHAPE TOUCHPOINTS SECONDS
The drive ends with the touchpoints, or after so many seconds.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from benchmarks.people.crowds import SHARED, Crowd
from benchmarks.people.measures import Crowded
from benchmarks.people.staging import staged
from benchmarks.road import prepare
from identity.graph.models import GraphTouchpoint
from identity.pages import KeysetPage
from identity.profiles import undecided

_MOST = {"limit": "200"}  # rows of one page
_Row = TypeVar("_Row")


def main(shape: str, touchpoints: str, seconds: str) -> None:
    found = measure(shape, int(touchpoints), float(seconds))
    sys.stdout.write(msgspec.json.encode(found).decode())


def measure(shape: str, touchpoints: int, seconds: float) -> Crowded:
    prepare.fill(touchpoints, Crowd(shape, touchpoints), name="crowd")
    driven = staged(touchpoints, seconds=seconds)
    waiting = driven.driven.whole.done - GraphTouchpoint.objects.count()
    return Crowded(driven, waiting, listed())


def listed() -> bool:
    """Tell whether what the crowd shares is on one of the lists for a human: of hubs, or of profiles that the rules cannot decide."""
    return any(key.startswith(f"anonymous_id:{SHARED}") for key in _on_lists())


def _on_lists() -> Iterator[str]:
    for hub in _pages(undecided.hubs):
        yield hub.identifier.key
    for one in _pages(undecided.undecided):
        yield from one.identifiers


def _pages(read: Callable[[Mapping[str, str]], KeysetPage[_Row]]) -> Iterator[_Row]:
    """Yield all rows of a list, page by page as the API reads it."""
    page = read(_MOST)
    while True:
        yield from page.results
        if page.next is None:
            return
        page = read({**_MOST, "cursor": page.next})
