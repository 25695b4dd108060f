"""Measures, and writes benchmarks/RESULTS.md.

    python -m benchmarks [collector | pipeline | latency | served ...] [--quick] [--million]

Without names everything is measured, in about 15 minutes on 2 quiet cores. `--quick` takes small sizes, to see whether it runs;
`--million` also drives 1,000,000 touchpoints down the road, which takes about 15 minutes more.
"""

import argparse
from collections.abc import Callable, Mapping

from benchmarks import collector, latency, pipeline, report, served
from benchmarks.plan import Plan

SECTIONS: Mapping[str, Callable[[Plan], str]] = {
    "collector": collector.section,
    "pipeline": pipeline.section,
    "latency": latency.section,
    "served": served.section,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--million", action="store_true", help="also 1,000,000 touchpoints")
    options = parser.parse_args()
    if unknown := set(options.names) - set(SECTIONS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    plan = Plan(quick=options.quick, million=options.million)
    for name in options.names or SECTIONS:
        measured_on = report.machine()
        text = SECTIONS[name](plan)
        report.write(name, measured_on + (" · small sizes" if plan.quick else ""), text)
        print(f"{text}\n")


if __name__ == "__main__":
    main()
