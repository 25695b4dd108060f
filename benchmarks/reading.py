"""How long one profile takes to be read, past HTTP: the same read that GET /api/v1/profiles/{id} makes.

    python -m benchmarks.inside benchmarks.reading READS
It prints p50 and p99 in milliseconds.
"""

import random
import sys
import time

from identity.profiles import portrait, rendering, selectors
from identity.profiles.models import Profile


def main(reads: str) -> None:
    uids = list(Profile.objects.values_list("uid", flat=True)[:5_000])
    chosen = random.Random(1).choices(uids, k=int(reads))
    spent = []
    for uid in chosen:
        begun = time.perf_counter()
        found = portrait.of(selectors.find(uid).profile.pk)
        if found is None:
            raise RuntimeError(f"profile {uid} has no identifiers")
        rendering.portrait(found)
        spent.append((time.perf_counter() - begun) * 1_000)
    spent.sort()
    sys.stdout.write(f"{spent[len(spent) // 2]:.2f} {spent[len(spent) * 99 // 100]:.2f}")
