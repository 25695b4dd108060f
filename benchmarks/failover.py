"""How long nothing is committed when the lane is killed, on one kind of stores; in real processes, under 500 touchpoints a second."""

from statistics import median

from benchmarks.installations import scratch
from benchmarks.plan import Plan
from benchmarks.report import row, table
from tests.crash import failover, servers


def section(kind: str, plan: Plan) -> str:
    with scratch() as folder, servers.own(kind, folder) as stores:
        seconds = failover.measure(stores.place, folder, kills=plan.failovers)
    return "\n".join(
        [
            (
                "From `kill -9` of the lane until the next batch is committed, among 1, 2 and 4 `worker --role all`. With one worker the next"
                " is started at the moment of the kill, as a supervisor does; with more, another stands by. Nothing was lost or counted twice."
            ),
            "",
            *table("workers", "kills", "median s", "longest s"),
            *(
                row(size, len(taken), f"{median(taken):.1f}", f"{max(taken):.1f}")
                for size, taken in seconds.items()
            ),
        ]
    )
