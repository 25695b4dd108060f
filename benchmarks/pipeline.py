"""Stages 1 to 6 on real files: the product's lane against two ORM versions of the same stages, and against the raw store.

Everybody begins with a copy of the same installation: 20 audiences, 5 live journeys, a full inbox.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks import flatness
from benchmarks.installations import copy, inside, prepared, scratch
from benchmarks.plan import Plan
from benchmarks.report import row, table
from benchmarks.road.driven import Driven
from benchmarks.road.times import BATCH

_NAMES = {
    "batched": "ORM, batched",
    "naive": "ORM, row by row",
    "steady": f"the lane in full batches of {BATCH}",
}


def section(plan: Plan) -> str:
    with scratch() as folder:
        seed = prepared(folder / "seed", plan.road, plan.people)
        lane = drive(seed, "product", plan.road)
        others = {
            "batched": drive(seed, "batched", plan.batched),
            "naive": drive(seed, "naive", plan.naive),
            "steady": drive(seed, "steady", plan.batched),
        }
        raw = _raw(folder / "product", plan.raw)
        parts = [
            (
                f"{plan.road:,} touchpoints of {plan.people:,} people, 20 audiences, 5 live journeys, with inbox claim and settle; the"
                f" yardsticks in batches of {BATCH}, the lane in batches that keep its transactions short. The lane had"
                f" {_rate(plan.road, lane.whole.seconds)} touchpoints/s overall."
            ),
            *_compare(lane, others, plan),
            *_share(lane, raw, plan),
            "",
            flatness.sentence(lane, f"this run of {plan.road:,}", plan.road // 3),
        ]
    with scratch() as folder:
        dense = prepared(folder / "seed", plan.digested, plan.digested // 5)
        parts += _digests(dense, plan)
    return "\n".join(parts)


def drive(seed: Path, who: str, touchpoints: int, *options: str) -> Driven:
    """Let somebody drive a copy of the installation."""
    folder = copy(seed, who)
    said = inside(folder, "benchmarks.road.drive", who, str(touchpoints), *options)
    return msgspec.json.decode(said, type=Driven)


def _raw(folder: Path, touchpoints: int) -> float:
    return float(inside(folder, "benchmarks.road.raw", str(touchpoints)))


def _rate(touchpoints: int, seconds: float) -> str:
    return f"{touchpoints / seconds:,.0f}"


def _compare(lane: Driven, others: Mapping[str, Driven], plan: Plan) -> list[str]:
    """Compare over the same touchpoints: the first of the road, as many as the other took."""
    goal = f"goal, over the first {plan.batched:,} and {plan.naive:,}"
    head = ("other", "touchpoints", "its rate", "the lane's", "ratio", goal, "ratio of CPU time")
    lines = ["", *table(*head)]
    for name, least, touchpoints in (
        ("batched", 2, plan.batched),
        ("naive", 6, plan.naive),
        ("steady", "", plan.batched),
    ):
        ours, theirs = lane.until(touchpoints), others[name].until(touchpoints)
        lines.append(
            row(
                _NAMES[name],
                f"{touchpoints:,}",
                _rate(theirs.done, theirs.seconds),
                _rate(ours.done, ours.seconds),
                f"{theirs.seconds / ours.seconds:.1f}",
                least,
                f"{theirs.cpu / ours.cpu:.1f}",
            )
        )
    return lines


def _share(lane: Driven, raw: float, plan: Plan) -> list[str]:
    seconds = lane.until(plan.raw).seconds
    return [
        "",
        (
            f"The raw store's limit (a loop that only writes the rows of touchpoints, identifiers, links and counters, one"
            f" transaction per {BATCH}): {_rate(plan.raw, raw)} touchpoints/s; the lane reaches {raw / seconds:.0%} of it over the"
            " same touchpoints, with everything else that it does."
        ),
    ]


def _digests(dense: Path, plan: Plan) -> list[str]:
    """Drive all three over the same touchpoints. Raises RuntimeError when they do not do the same."""
    driven = {
        who: drive(dense, who, plan.digested, "digest", "statements")
        for who in ("steady", "batched", "naive")
    }
    right = driven["steady"].digest
    for who, one in driven.items():
        if one.digest != right:
            differing = [each for each in right if one.digest[each] != right[each]]
            raise RuntimeError(f"{who} did something else than the product: {differing}")
    lines = [
        "",
        (
            f"All three give the same digest on the same {plan.digested:,} touchpoints of {plan.digested // 5:,} people (partition,"
            " traits, counters, orders, visits, memberships, enrolments, decisions, deliveries, ...)."
        ),
        "",
        *table(f"statements per batch of {BATCH}", "the lane", "ORM, batched", "ORM, row by row"),
    ]
    counts = [f"{one.statements * BATCH / plan.digested:,.0f}" for one in driven.values()]
    return [*lines, row("", *counts)]
