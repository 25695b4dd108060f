"""The collector alone, until SIGTERM: the addresses of other floors are not what is measured."""

import signal
import threading

from identity.touchpoints import collector


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    collector.serve([], stop)
