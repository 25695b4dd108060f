"""The demo as a real process, on ports and files of its own."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.installation import Installation
from tests.ports import free_port


class Show(Installation):
    """Starts `manage.py demo`, reads what it says, ends it as a person would. Its data lies in `data`, its output beside it."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.data = directory / "data"
        self.shop, self.mail = (f"127.0.0.1:{free_port()}" for _ in range(2))
        binds = {
            "DATA_DIR": str(self.data),
            "DEMO_SHOP_BIND": self.shop,
            "DEMO_MAIL_BIND": self.mail,
            "DEMO_SMTP_BIND": f"127.0.0.1:{free_port()}",
        }
        super().__init__(directory, **binds, **settings)
        self.process: subprocess.Popen[bytes] | None = None
        self._log = directory / "demo.log"
        self._read = 0

    def open(self, households: int | None = None) -> None:
        """Start; from here on `said` is what this start says."""
        number = [] if households is None else [f"--households={households}"]
        self._log = self.directory / f"{'-'.join(['demo', *number])}.log"
        self._read = self._log.stat().st_size if self._log.exists() else 0
        self.process = self.start("demo", *number)

    def said(self) -> str:
        with self._log.open("rb") as file:
            file.seek(self._read)
            return file.read().decode()

    def until(self, words: str, *, seconds: float = 180) -> None:
        """Wait until it says these words."""

        def heard() -> bool:
            assert self.process is not None
            ended = self.process.poll() is not None
            found = words in self.said()
            assert found or not ended, f"it ended without saying {words!r}:\n{self.said()}"
            return found

        self.wait_for(heard, words, seconds=seconds)

    def until_open(self, *, seconds: float = 180) -> None:
        self.until("Ctrl-C ends everything", seconds=seconds)

    def interrupt(self) -> int:
        """Press Ctrl-C; return the status with which it ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "demo" / "state.json").read_text())
        return found


@contextlib.contextmanager
def show(directory: Path, **settings: str) -> Iterator[Show]:
    """Yield a demo that is not started; end all of its processes afterwards."""
    made = Show(directory, **settings)
    try:
        yield made
    finally:
        made.end()
