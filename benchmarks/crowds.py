"""Crowds that arrive live: how far strangers whom something shared ties together slow everybody else, and whether they are listed.

On SQLite; the yardstick of each is a drive with the same events in which nothing is shared by a crowd, in the same run.
"""

from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.installations import copy, inside, prepared, scratch
from benchmarks.people.measures import Crowded
from benchmarks.plan import Plan
from benchmarks.report import row, table

_SLOWER = 0.1  # at most
_CROWDS = {
    "hub": ("a browser on which everybody signs in", "alone"),
    "apart": ("people who share browsers in one chain, each with a user id", "families"),
    "together": ("browsers and devices in one chain", "devices"),
}


def section(plan: Plan) -> str:
    with scratch() as folder:
        seed = prepared(folder / "seed", 0, 1)
        rows = [
            _row(name, _crowd(seed, shape, plan), _crowd(seed, yardstick, plan))
            for shape, (name, yardstick) in _CROWDS.items()
        ]
    return "\n".join([_sentence(plan), "", *_head(), *rows])


def _crowd(seed: Path, shape: str, plan: Plan) -> Crowded:
    limits = str(2 * plan.crowd), str(plan.crowded)
    said = inside(copy(seed, shape), "benchmarks.people.crowding", shape, *limits)
    return msgspec.json.decode(said, type=Crowded)


def _sentence(plan: Plan) -> str:
    return (
        f"{plan.crowd:,} links of a crowd arrive live, every second touchpoint, among those of a shop, with 20 audiences and 5 live journeys."
        " The yardstick of each is the same stream without the crowd: everybody has a browser of their own, or chains end after ten links."
        f" A drive ends after {plan.crowded:.0f} s; the yardstick is taken over as many touchpoints. The lane takes both kinds in one"
        " stream, so whatever the crowd costs slows the others; what it keeps for later is still waiting at the end. The longest batch is"
        " what a touchpoint of anybody may have to wait for."
    )


def _head() -> list[str]:
    head = ("crowd", "its links", "touchpoints/s", "the yardstick's", "slower by", "goal")
    return table(
        *head,
        "by CPU time",
        "within it up to",
        "longest batch",
        "the yardstick's",
        "most time in",
        "still waiting",
        "listed for a human",
    )


def _row(name: str, crowd: Crowded, usual: Crowded) -> str:
    """Compare over the same number of touchpoints, as many as came through in time."""
    whole, stages = crowd.staged.driven.whole, crowd.staged.stages
    same = usual.staged.driven.until(whole.done)
    stage = max(stages, key=lambda each: stages[each])
    return row(
        name,
        f"{whole.done // 2:,}",
        f"{whole.done / whole.seconds:,.0f}",
        f"{same.done / same.seconds:,.0f}",
        f"{(whole.seconds / whole.done) / (same.seconds / same.done) - 1:.0%}",
        f"{_SLOWER:.0%}",
        f"{(whole.cpu / whole.done) / (same.cpu / same.done) - 1:.0%}",
        f"{_within(crowd, usual) // 2:,} links",
        f"{_longest(crowd):.2f} s",
        f"{_longest(usual):.2f} s",
        f"{stage} ({stages[stage] / whole.seconds:.0%})",
        f"{crowd.waiting:,}",
        "yes" if crowd.listed else "no",
    )


def _longest(crowd: Crowded) -> float:
    seconds = [0.0, *(mark.seconds for mark in crowd.staged.driven.marks)]
    return max(later - earlier for earlier, later in pairwise(seconds))


def _within(crowd: Crowded, usual: Crowded) -> int:
    """Return after how many touchpoints the drive was within the goal for the last time."""
    within = 0
    for mark in crowd.staged.driven.marks:
        same = usual.staged.driven.until(mark.done)
        if mark.seconds / mark.done <= (1 + _SLOWER) * same.seconds / same.done:
            within = mark.done
    return within
