"""Who is who: the partition alone, a full rebuild, stage 2 among the others, and reads beside a rebuild.

On SQLite; each figure with a yardstick in the same run.
"""

from pathlib import Path
from statistics import median

import msgspec

from benchmarks.installations import beside, copy, inside, prepared, scratch
from benchmarks.people.measures import Components, Parted, Rebuilt, Staged
from benchmarks.plan import Plan
from benchmarks.report import row, table

_GOAL = 500_000  # links per second
_REST = "claim, decode, commands, clock"


def section(plan: Plan) -> str:
    with scratch() as folder:
        road = prepared(folder / "road", plan.staged, plan.staged // 2)
        parts = [_partition(road, plan), "", *_rebuild(copy(road, "full"), plan)]
        parts += ["", *_shares(road, plan), "", _reads(road, plan)]
    return "\n".join(parts)


# --- The partition ---


def _partition(folder: Path, plan: Plan) -> str:
    said = inside(folder, "benchmarks.people.parting", str(plan.parted))
    found = msgspec.json.decode(said, type=Parted)
    links, seconds = found.alone + found.several, found.alone_seconds + found.several_seconds
    return (
        f"`partition` takes {links / seconds:,.0f} links/s in one process (goal {_GOAL:,}), over {links:,} links of random"
        f" neighbourhoods: {found.alone / found.alone_seconds:,.0f}/s where one person stands alone,"
        f" {found.several / found.several_seconds:,.0f}/s where several share browsers and limits refuse some of the"
        f" {found.several:,} links. A bare union-find in Python, without order or limits, has {links / found.bare_seconds:,.0f}/s on"
        f" the same links: the partition has {found.bare_seconds / seconds:.2f} of that."
    )


# --- The full rebuild ---


def _rebuild(folder: Path, plan: Plan) -> list[str]:
    """Rebuild, and find components. Raises RuntimeError when they do not find the same neighbourhoods."""
    inside(folder, "benchmarks.people.filling", str(plan.links))
    said = inside(folder, "benchmarks.people.rebuilding")
    ours = msgspec.json.decode(said, type=Rebuilt)
    others = {name: _components(folder, name) for name in ("networkx", "scipy")}
    for name, found in others.items():
        if found.count != ours.neighbourhoods:
            raise RuntimeError(f"{name} finds {found.count} components, not {ours.neighbourhoods}")
    rest = ours.seconds - ours.reading - ours.partition
    lines = [
        (
            f"A full rebuild of {plan.links:,} links ({ours.identifiers:,} identifiers, {ours.neighbourhoods:,} neighbourhoods,"
            f" {ours.profiles:,} profiles, as scattered over the tables as after a year) works out who is who with limits and ids and"
            f" compares that with what is stored: reading neighbourhoods {ours.reading:.1f} s, partition and founders {ours.partition:.1f} s,"
            f" ids, comparing and adding up {rest:.1f} s. Its own memory came to {ours.own:,.0f} MB; its peak counts the"
            " database's file too where it is mapped. The yardsticks read pairs of row ids from the same file, keep all of them in"
            " memory, and know neither limits nor ids."
        ),
        "",
        *table("", "seconds", "links/s", "the rebuild takes", "peak MB"),
        _rebuilt_row("rebuild, with limits", ours.seconds, ours.peak, ours, plan),
    ]
    for name, found in others.items():
        whole = found.reading + found.joining
        lines += [
            _rebuilt_row(f"{name}, with reading", whole, found.peak, ours, plan),
            _rebuilt_row(f"{name}, in memory", found.joining, found.peak, ours, plan),
        ]
    return lines


def _components(folder: Path, by: str) -> Components:
    said = inside(folder, "benchmarks.people.components", by)
    return msgspec.json.decode(said, type=Components)


def _rebuilt_row(name: str, seconds: float, peak: float, ours: Rebuilt, plan: Plan) -> str:
    times = f"{ours.seconds / seconds:,.1f} times as long"
    return row(name, f"{seconds:,.2f}", f"{plan.links / seconds:,.0f}", times, f"{peak:,.0f}")


# --- The lane ---


def _shares(road: Path, plan: Plan) -> list[str]:
    said = inside(road, "benchmarks.people.staging", str(plan.staged))
    found = msgspec.json.decode(said, type=Staged)
    whole, spent = found.driven.whole, dict(sorted(found.stages.items()))
    shares = {**spent, _REST: whole.seconds - sum(spent.values())}
    return [
        (
            f"The lane's time by stage, over {whole.done:,} touchpoints of a shop with 20 audiences and 5 live journeys,"
            f" {whole.done / whole.seconds:,.0f}/s (stage 1 reads the neighbourhoods, the last stage of a batch has its commit):"
        ),
        "",
        *table(*shares),
        row(*(f"{seconds / whole.seconds:.0%}" for seconds in shares.values())),
    ]


# --- Reads beside a rebuild ---


def _reads(folder: Path, plan: Plan) -> str:
    quiet, busy = [], []
    for _ in range(plan.rounds):
        quiet.append(_read(folder, plan))
        with beside(folder, "benchmarks.people.rebuilding", "for_ever"):
            busy.append(_read(folder, plan))
    (p50, p99), (p50_busy, p99_busy) = (
        [median(each) for each in zip(*rounds, strict=True)] for rounds in (quiet, busy)
    )
    return (
        f"One whole profile of these {plan.staged:,} touchpoints is read in {p99_busy:.1f} ms (p99; p50 {p50_busy:.1f} ms) while a rebuild"
        f" runs, in {p99:.1f} ms (p50 {p50:.1f} ms) without: {p99_busy / p99:.2f} of it (medians of {plan.rounds} rounds of"
        f" {plan.reads:,} reads)."
    )


def _read(folder: Path, plan: Plan) -> list[float]:
    return [float(each) for each in inside(folder, "benchmarks.reading", str(plan.reads)).split()]
