"""The raw rate of an inbox: its writer in a loop, 500 rows a commit, with payloads of the size that a sealed touchpoint has.

    python -m benchmarks.inside benchmarks.road.raw_inbox SECONDS
It prints rows per second.
"""

import os
import sys
import time

from benchmarks.road.times import BATCH
from identity.clock import now
from identity.touchpoints import inbox
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.types import Mode

_PAYLOAD = 600  # bytes


def main(seconds: str) -> None:
    rows = [NewRow(1, Mode.LIVE, os.urandom(_PAYLOAD)) for _ in range(BATCH)]
    writer = inbox.writer()
    begun, written = time.perf_counter(), 0
    while time.perf_counter() - begun < float(seconds):
        writer.append(rows, now())
        written += len(rows)
    sys.stdout.write(f"{written / (time.perf_counter() - begun):.1f}")
    writer.close()
