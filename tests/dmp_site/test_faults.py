"""Each fault that `doctor` knows is caused in an installation that runs: the health page shows it within 30 s, `doctor` names it.

Nothing is simulated: processes are stopped and killed, files are replaced, a disk is full, a process has another clock.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from identity.privacy.keys import make_keys
from identity.touchpoints.inbox.sqlite import SqliteInbox
from tests.installation import ROOT, Installation, installation
from tests.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

PASSWORD = "correct horse battery"
SHOWN_WITHIN = 30.0  # seconds: what the documents promise
FAULT = re.compile(r'data-level="fault".*?</span>\s*([a-z ]+?)\s*</span>', re.DOTALL)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
ANOTHER_CLOCK = """
import os, time
import time_machine
time_machine.travel(time.time() + float(os.environ["CLOCK_OFF"]), tick=True).start()
"""


class Page:
    """The health page, as somebody sees it who is signed in."""

    def __init__(self, site: Installation, client: httpx.Client) -> None:
        self.site = site
        self.client = client
        login = f"http://{site.console}/admin/login/"
        found = TOKEN.search(self.client.get(login).text)
        assert found is not None
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": found[1]}
        assert self.client.post(login, data=form).status_code == 302

    def faults(self, address: str = "") -> set[str]:
        answer = self.client.get(f"http://{address or self.site.console}/admin/health/findings")
        assert answer.status_code == 200
        assert 'class="finding"' in answer.text
        return set(FAULT.findall(answer.text))

    def wait_until_well(self) -> None:
        self.site.wait_for(lambda: not self.faults(), "a page without a fault")

    def shows(self, *names: str, since: float, address: str = "") -> None:
        """Wait until the page shows faults; fail when that took longer than it may."""
        self.site.wait_for(lambda: set(names) <= self.faults(address), f"{names} on the page")
        assert time.monotonic() - since < SHOWN_WITHIN


class Running:
    """An installation that runs and is well."""

    def __init__(self, site: Installation, page: Page, up: subprocess.Popen[bytes]) -> None:
        self.site, self.page, self.up = site, page, up

    @contextmanager
    def nobody_mends(self) -> Iterator[None]:
        """Hold the supervisor: it would restart what is stopped or killed before everybody has looked."""
        os.kill(self.up.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.up.pid, signal.SIGCONT)


@contextmanager
def run(site: Installation) -> Iterator[Running]:
    up = site.up()
    with httpx.Client(timeout=30) as client:
        page = Page(site, client)
        page.wait_until_well()
        yield Running(site, page, up)


def doctor(site: Installation, **environment: str) -> dict[str, str]:
    """Return what `doctor` says of each fault, with what mends it; it must end with status 1 and without a traceback."""
    said = site.manage("doctor", check=False, timeout=120, **environment)
    assert said.returncode == 1, said.stdout
    assert "Traceback" not in said.stderr
    return {
        name: f"{what} {mend}"
        for name, what, mend in re.findall(
            r"^FAULT  ([a-z ]+): (.*)\n +mend: (.*)$", said.stdout, re.MULTILINE
        )
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        installation(tmp_path_factory.mktemp("site"), ADMIN_PASSWORD=PASSWORD) as site,
        run(site) as made,
    ):
        yield made


@pytest.fixture
def running(shared: Running) -> Running:
    shared.page.wait_until_well()
    return shared


def _another_key(path: Path) -> None:
    make_keys(path)


def _damaged(path: Path) -> None:
    path.write_bytes(b"neither a key nor a database " * 100)


def _another_inbox(path: Path) -> None:
    SqliteInbox(path).make()


REPLACEMENTS = {
    "wrong key": ("keys.json", _another_key, "keys", "from its backup"),
    "damaged key": ("keys.json", _damaged, "keys", "from its backup"),
    "foreign inbox": ("inbox.sqlite3", _another_inbox, "inbox", "manage.py restore"),
    "damaged inbox": ("inbox.sqlite3", _damaged, "inbox", "manage.py restore"),
}


@contextmanager
def _moved_away(*files: Path) -> Iterator[None]:
    """Move files away and back; the database itself goes first and comes last."""
    there = [(file, file.with_name(f"kept-{file.name}")) for file in files if file.exists()]
    for file, kept in there:
        file.rename(kept)
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)
        for file, kept in reversed(there):
            kept.rename(file)


@pytest.mark.parametrize("case", REPLACEMENTS)
def test_a_replaced_file(running: Running, case: str) -> None:
    name, replace, fault, mend = REPLACEMENTS[case]
    file = running.site.directory / name
    with _moved_away(file, *(file.with_name(f"{name}{end}") for end in ("-wal", "-shm"))):
        caused = time.monotonic()
        replace(file)
        running.page.shows(fault, since=caused)
        assert mend in doctor(running.site)[fault]
    running.page.wait_until_well()


def test_a_stopped_lane_and_a_dead_cluster(running: Running) -> None:
    before = running.site.workers()
    with running.nobody_mends():
        caused = time.monotonic()
        os.kill(before["lane"], signal.SIGSTOP)
        os.killpg(before["jobs"], signal.SIGKILL)
        running.page.shows("lane", "jobs", since=caused)
        mends = doctor(running.site)
        assert "worker --role lane" in mends["lane"]
        assert "worker --role jobs" in mends["jobs"]
    running.page.wait_until_well()  # the supervisor did it
    after = running.site.workers()
    assert before["lane"] != after["lane"]
    assert before["jobs"] != after["jobs"]


@pytest.fixture
def clock(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which a process has a clock of its own, CLOCK_OFF seconds from the machine's."""
    (tmp_path / "sitecustomize.py").write_text(ANOTHER_CLOCK)
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}


@pytest.mark.parametrize(("seconds", "way"), [(600, "ahead of"), (-600, "behind")])
def test_a_machine_whose_clock_is_apart_from_the_others(
    running: Running, clock: dict[str, str], seconds: int, way: str
) -> None:
    """A console that is ten minutes off, beside a collector and a lane that are not."""
    address = f"127.0.0.1:{free_port()}"
    off = {**clock, "CLOCK_OFF": str(seconds)}
    console = running.site.start(
        "worker", "--role", "console", FILROUGE_CONSOLE_BIND=address, **off
    )
    running.site.wait_for(lambda: running.site.answers(address), "the second console")
    running.page.shows("clock", since=time.monotonic(), address=address)
    assert "clock" not in running.page.faults()
    said = doctor(running.site, **off)["clock"]
    assert f"10 minutes {way}" in said
    assert "timedatectl" in said
    os.killpg(console.pid, signal.SIGTERM)
    console.wait(30)


def test_a_clock_that_was_set_back(tmp_path: Path, clock: dict[str, str]) -> None:
    """Everything ran ten minutes ahead and received something; then the clock was set right."""
    with installation(tmp_path / "site", ADMIN_PASSWORD=PASSWORD) as site:
        site.directory.mkdir()
        right = dict(site.environment)
        site.environment |= {**clock, "CLOCK_OFF": "600"}
        up = site.up()
        site.post(site.write_key(), {"type": "track", "event": "Viewed", "userId": "alice"})
        up.send_signal(signal.SIGTERM)
        up.wait(60)
        site.environment = right
        site.up()
        caused = time.monotonic()
        with httpx.Client(timeout=30) as client:
            Page(site, client).shows("clock", since=caused)
        assert "timedatectl" in doctor(site)["clock"]


@contextmanager
def small_disk(directory: Path) -> Iterator[list[str]]:
    """Mount 64 MB at the directory, in a mount namespace; yield the command that runs another one in there."""
    mount = (
        f"mount -t tmpfs -o size=64m,mode=700 none {directory} && echo mounted && exec sleep 900"
    )
    with subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"mounted\n":
                pytest.skip("this system lets nobody mount in a namespace of their own")
            target = ["nsenter", "--target", str(holder.pid)]
            yield [*target, "--user", "--preserve-credentials", "--mount"]
        finally:
            holder.kill()


@pytest.mark.skipif(not shutil.which("nsenter"), reason="needs util-linux")
def test_a_full_disk(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path) as within,
        installation(tmp_path, ADMIN_PASSWORD=PASSWORD, MIN_FREE_MB="5") as site,
    ):
        site.within = within
        with run(site) as running:
            _fill_and_make_room(running)
        running.up.send_signal(signal.SIGTERM)
        running.up.wait(60)
        _fill(site)
        assert "make room" in doctor(site)["disk"]  # also when nothing runs


def _fill_and_make_room(running: Running) -> None:
    """See that page and `doctor` say it, and that what was acknowledged is counted, what was refused comes again."""
    site, key, sent = running.site, running.site.write_key(), 0
    assert _post(site, key, sent) == 200
    caused = time.monotonic()
    filler = _fill(site)
    running.page.shows("disk", since=caused)
    assert "make room" in doctor(site)["disk"]
    while (status := _post(site, key, sent := sent + 1)) == 200:
        assert sent < 200
    assert status == 503
    subprocess.run([*site.within, "rm", filler], check=True)
    site.wait_for(lambda: _post(site, key, sent) == 200, "room for what was refused")
    running.page.wait_until_well()
    site.wait_for(lambda: int(site.shell(STORED)) == 20 * (sent + 1), "all of it, once")


def _fill(site: Installation) -> str:
    filler = str(site.directory / "filler")
    subprocess.run([*site.within, "sh", "-c", f"cat /dev/zero > {filler}"], check=False)
    return filler


STORED = "from identity.graph.models import GraphTouchpoint as T; print(T.objects.count())"


def _post(site: Installation, key: str, number: int) -> int:
    """Send a batch of 20 large touchpoints; return the status."""
    batch = [
        {
            "type": "track",
            "event": "Viewed",
            "userId": "alice",
            "messageId": f"{number}-{place}",
            "properties": {"text": "x" * 20_000},
        }
        for place in range(20)
    ]
    token = base64.b64encode(f"{key}:".encode()).decode()
    answer = httpx.post(
        f"http://{site.collector}/v1/batch",
        headers={"Authorization": f"Basic {token}"},
        content=json.dumps({"batch": batch}),
        timeout=60,
    )
    return answer.status_code
