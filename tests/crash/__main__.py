"""Kills processes and servers at random moments under load, on each kind of stores, and compares the books: `make crash`.

    python -m tests.crash [--kills 20] [--stores KIND ...] [--seed 0] [--report FILE]

It prints acknowledged / counted / sent / unknown for each kind of stores, and ends with 1 when something was wrong.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.crash import campaign
from tests.crash.report import leave_out, write
from tests.places import KINDS
from tests.servers.program import Missing


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stores", choices=KINDS, action="append", help="default: all of them")
    parser.add_argument(
        "--report", type=Path, help="a file for what passed, as benchmarks/SOAK.md"
    )
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    campaign.log.setLevel(logging.INFO)
    return max(
        [
            _run(kind, options.kills, options.seed, options.report)
            for kind in options.stores or KINDS
        ]
    )


def _run(kind: str, kills: int, seed: int, file: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="filrouge-crash-") as directory:
        try:
            report = campaign.run(kind, Path(directory), kills=kills, seed=seed)
        except Missing as missing:
            sys.stdout.write(f"Left out: {kind}, for want of {missing}\n")
            if file:
                leave_out(kind, missing, file)
            return 0
    faults = report.faults()
    said = [str(report), *(f"FAULT: {fault}" for fault in faults), ""]
    sys.stdout.write("\n".join([*said, ""]))
    sys.stdout.flush()
    if file and not faults:
        write(report, file)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
