"""Measures, and writes benchmarks/RESULTS.md.

    python -m benchmarks [NAME ...] [--stores KIND ...] [--million] [--quick] [--file PATH]

NAME is collector, pipeline, latency, identity or crowds, on SQLite; or served, million or failover, which have a section for each kind of stores;
or linkage, on the records of --file (Splink's public set historical_50k; see benchmarks.linkage).
Without names everything is measured but `million` (and `linkage`, unless there is a file), in about 80 minutes on 2 quiet cores. `million` drives 1,000,000 touchpoints
down the road, which takes about 20 minutes on SQLite and longer on servers; its sections stay until it is measured again.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import (
    collector,
    crowds,
    failover,
    identity,
    latency,
    linkage,
    million,
    pipeline,
    served,
)
from benchmarks.plan import Plan
from benchmarks.report import RESULTS, STORES, machine
from identity.touchpoints.matching.model import NoModel
from tests.servers.program import Missing

_Measure = Callable[[Plan], str]
ONCE: Mapping[str, _Measure] = {
    "collector": collector.section,
    "pipeline": pipeline.section,
    "latency": latency.section,
    "identity": identity.section,
    "crowds": crowds.section,
}
PER_STORES: Mapping[str, Callable[[str, Plan], str]] = {
    "served": served.section,
    "failover": failover.section,
    "million": million.section,
}
LINKAGE = "linkage"


def main() -> None:
    options = _options()
    plan = Plan(quick=options.quick)
    for name, measure in _chosen(options.names, options.stores or list(STORES), options.file):
        measured_on = machine() + (" · small sizes" if plan.quick else "")
        print(f"== {name}", file=sys.stderr)
        try:
            text = measure(plan)
        except (Missing, NoModel) as missing:
            print(f"Left out: {name}, for want of {missing}", file=sys.stderr)
            continue
        RESULTS.write(name, measured_on, text)
        print(f"{text}\n", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = [*ONCE, *PER_STORES, LINKAGE]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument(
        "--stores",
        action="append",
        choices=STORES,
        help="what to measure served, failover and million on; may be given again; default: all",
    )
    parser.add_argument("--million", action="store_true", help="measure million too")
    parser.add_argument(
        "--file", type=Path, metavar="PATH", help="the records of linkage, with their labels"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether it runs")
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    if LINKAGE in options.names and options.file is None:
        parser.error("linkage needs records: --file PATH")
    apart = {"million"} if options.file else {"million", LINKAGE}
    options.names = options.names or [name for name in known if name not in apart]
    if options.million and "million" not in options.names:
        options.names.append("million")
    return options


def _chosen(
    names: Sequence[str], stores: Sequence[str], file: Path | None
) -> Iterator[tuple[str, _Measure]]:
    """Yield the sections to measure."""
    for name in names:
        if name in ONCE:
            yield name, ONCE[name]
        elif name == LINKAGE and file is not None:
            yield name, partial(linkage.section, file)
        else:
            for kind in stores:
                yield f"{name}_{kind}", partial(PER_STORES[name], kind)


if __name__ == "__main__":
    main()
