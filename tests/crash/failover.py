"""How long nothing is committed when the lane is killed: among 1, 2 and 4 `worker --role all`, under load.

With one worker the next one is started at the moment of the kill, as a supervisor would; with more, another one stands by.
`python -m tests.crash.failover` prints the times for each kind of stores.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.stream import Shop
from tests.crash import servers
from tests.crash.herd import WORKERS, Herd
from tests.crash.load import Load
from tests.installation import installation_at
from tests.places import KINDS, Place
from tests.servers.program import Missing

_RATE = 500  # touchpoints a second


def measure(place: Place, directory: Path, *, kills: int = 1) -> Mapping[int, Sequence[float]]:
    """Return the seconds of each kill by the number of workers. Raises AssertionError when a touchpoint was lost or came twice."""
    with installation_at(place, directory) as home:
        home.set_up()
        home.start("worker", "--role", "collector")
        home.wait_for(lambda: home.answers(home.collector), "the collector")
        key = home.write_key("shop")
        load = Load(home.collector, key, Shop(400, seed=1).touchpoints(2_000_000), _RATE)
        herd = Herd(home)
        seconds: dict[int, list[float]] = {size: [] for size in WORKERS}
        load.start()
        try:
            for size in WORKERS:
                for _ in range(kills):
                    herd.fill(size)
                    seconds[size].append(herd.replace(by_new=size == 1))
        except BaseException:
            load.give_up()
            raise
        load.stop()
        home.wait_for(lambda: home.waiting() == 0, "the inbox to be empty")
        assert place.touchpoints() == len(load.acknowledged)
        contacts = sum(event["type"] != "identify" for event in load.sent)
        counted = home.ask("SELECT sum(count) FROM identity_contactcount")
        assert counted == contacts, f"{counted} counted, {contacts} sent"
        assert home.ask("SELECT count(*) FROM identity_setaside") == 0
    return seconds


def say(kind: str, seconds: Mapping[int, Sequence[float]]) -> str:
    times = ", ".join(f"{size} workers {max(taken):.1f} s" for size, taken in seconds.items())
    return f"{kind}: kill -9 of the lane until the next batch: {times}"


def main() -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="filrouge-failover-") as directory:
            try:
                with servers.own(kind, Path(directory)) as stores:
                    said = say(kind, measure(stores.place, Path(directory)))
            except Missing as missing:
                said = f"Left out: {kind}, for want of {missing}"
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
