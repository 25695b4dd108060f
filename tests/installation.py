"""A whole installation in a directory of its own, run by real processes, for tests through public doors."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.places import Files, Place, place
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


class Installation:
    """Knows the ports and the environment; starts and stops processes; speaks to them as a client would."""

    def __init__(self, directory: Path, place: Place | None = None, /, **settings: str) -> None:
        self.directory = directory
        self.place = place or Files(directory)
        self.console = f"127.0.0.1:{free_port()}"
        self.collector = f"127.0.0.1:{free_port()}"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")
        }
        self.environment = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "dmp_site.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "FILROUGE_DATA_DIR": str(directory),
            "FILROUGE_CONSOLE_BIND": self.console,
            "FILROUGE_COLLECTOR_BIND": self.collector,
            "FILROUGE_COLLECTOR_INNER_BIND": f"127.0.0.1:{free_port()}",
            **{
                f"FILROUGE_{name}": value
                for name, value in {**self.place.settings, **settings}.items()
            },
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.within: list[str] = []  # a command that runs its arguments elsewhere (nsenter)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `manage.py ARGUMENTS` in a group of its own; its output goes to a file named after it."""
        log = self.directory / f"{'-'.join(arguments).replace('/', '_')[:60]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self.within, sys.executable, str(ROOT / "manage.py"), *arguments],
                env={**self.environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def manage(
        self, *arguments: str, check: bool = True, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py ARGUMENTS` to its end; its output is captured."""
        result = subprocess.run(
            [*self.within, sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(
                f"manage.py {' '.join(arguments)}:\n{result.stdout}{result.stderr}"
            )
        return result

    def set_up(self) -> str:
        """Make the installation; return what was said."""
        self.place.prepare()
        return self.manage("setup").stdout

    def shell(self, code: str) -> str:
        """Run Python code inside the installation; return what it printed."""
        return self.manage("shell", "--verbosity", "0", "-c", code).stdout

    def wait_for(self, condition: Callable[[], Any], what: str, *, seconds: float = 180) -> Any:
        """Poll until the condition is true; fail with the processes' last words when it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if result := condition():
                    return result
            time.sleep(0.05)
        raise AssertionError(f"never came: {what}\n{self.last_words()}")

    def last_words(self) -> str:
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs
        )

    def answers(self, address: str) -> bool:
        return httpx.get(f"http://{address}/health", timeout=2).status_code == 200

    def up(self) -> subprocess.Popen[bytes]:
        """Start everything and wait until both ports answer."""
        self.place.prepare()
        process = self.start("up")
        self.wait_for(lambda: self.answers(self.collector), "the collector")
        self.wait_for(lambda: self.answers(self.console), "the console")
        return process

    def everybody(self) -> list[int]:
        """Return the process ids of all that runs of this installation, however it was started."""
        ours = f"FILROUGE_DATA_DIR={self.environment['FILROUGE_DATA_DIR']}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if ours in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return sorted(found)

    def workers(self) -> dict[str, int]:
        """Return the process ids of the workers by role: the oldest of each, which is the head of its group."""
        found: dict[str, int] = {}
        for pid in self.everybody():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if "--role" in words:
                    found.setdefault(words[words.index("--role") + 1], pid)
        return found

    def ask(self, sql: str) -> Any:
        """Return one value out of the installation's database, None without a row."""
        return self.place.ask(sql)

    def position(self) -> int:
        """Return the number up to which the lane has processed live touchpoints."""
        return self.ask("SELECT live_position FROM identity_lane") or 0

    def waiting(self) -> int:
        """Return how many live touchpoints wait for the lane."""
        return self.place.newest() - self.position()

    def lane(self) -> int:
        """Return the process id of the lane that works, 0 before there is one."""
        return int((self.ask("SELECT holder FROM identity_lane") or "").rpartition(" ")[2] or 0)

    def start_lane(self) -> subprocess.Popen[bytes]:
        """Start a lane and wait until it is the one that works."""
        started = self.start("worker", "--role", "lane")
        self.wait_for(lambda: self.lane() == started.pid, "the lane")
        return started

    def kill_paused(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process as soon as it has come to the point where it is to stop (see `pause_at`)."""
        self.wait_for(lambda: frozen(process.pid), "the process to come to its point")
        process.kill()
        process.wait()

    def pause_at(self, point: str) -> Path:
        """Let the first process that reaches this point stop there (identity.stages); it takes the file away that is returned."""
        file = Path(f"{self.environment['FILROUGE_STAGE_FILE']}.pause")
        draft = file.with_suffix(".draft")
        draft.write_text(point)
        return draft.rename(file)

    def write_key(self, name: str = "site", kind: str = "site") -> str:
        """Make a source and return a write key for it."""
        return self.manage("createkey", "--source", name, "--kind", kind, "--quiet").stdout.strip()

    def api_key(self, *scopes: str, channel: str = "") -> str:
        arguments = [argument for scope in scopes for argument in ("--scope", scope)]
        if channel:
            arguments += ["--channel", channel]
        return self.manage("createkey", "--api", "tests", *arguments, "--quiet").stdout.strip()

    def post(self, write_key: str, *events: Mapping[str, Any]) -> None:
        """Send events as a batch, as any Segment library does."""
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        answer = httpx.post(
            f"http://{self.collector}/v1/batch",
            headers={"Authorization": f"Basic {token}"},
            content=json.dumps({"batch": list(events)}),
            timeout=30,
        )
        assert answer.status_code == 200, answer.text

    def api(self, key: str, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(
            method,
            f"http://{self.console}/api/v1/{path}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            **options,
        )

    def end(self) -> None:
        """End what was started here, group by group."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def frozen(pid: int) -> bool:
    """Tell whether a process is stopped, by itself or by a signal; one that is gone is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] == "T"


@contextlib.contextmanager
def installation(directory: Path, **settings: str) -> Iterator[Installation]:
    """Yield an installation on the stores that STORES names; end all of its processes afterwards."""
    with installation_at(place(directory), directory, **settings) as made:
        yield made


@contextlib.contextmanager
def installation_at(place: Place, directory: Path, **settings: str) -> Iterator[Installation]:
    """Yield an installation on these stores; end all of its processes afterwards, and remove the stores."""
    made = Installation(directory, place, **settings)
    try:
        yield made
    finally:
        made.end()
        place.remove()
