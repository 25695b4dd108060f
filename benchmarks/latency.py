"""How long it takes from the acknowledgement to what people notice, in real processes, at half of the load that they can do.

Probes are people whom nobody has seen before. Each signs in and buys; then it is watched when the profile can be read over REST,
when it is in an audience, and when the mail of the journey reaches an SMTP server. Everything runs on the same cores: the load,
the watching, the mail server.
"""

import itertools
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks import load
from benchmarks.collector import authorization, body
from benchmarks.installations import inside, scratch
from benchmarks.load import Measured
from benchmarks.plan import Plan
from benchmarks.report import row, table
from benchmarks.stream import Shop
from tests.crash.load import Load
from tests.installation import Installation, installation
from tests.sink import Sink

AIMS = {
    "profile readable": (0.150, 1.0),
    "audience entered": (0.250, 1.5),
    "first message handed to the channel": (0.500, 2.0),
}
_AUDIENCE = "ever-bought"
_UNBUILT = "SELECT count(*) FROM activation_build WHERE version_id IS NULL OR cursor IS NOT NULL"
_PAGES = 5  # of the console, per second
_PASSWORD = "benchmark-password"
_PATIENCE = 20.0  # seconds that one probe is watched
_LONGEST = 120.0  # seconds for all probes
_QUEUED = "SELECT count(*) FROM activation_delivery WHERE channel = 'email' AND status IN ('queued', 'handing_over')"


class TimedSink(Sink):
    """A mail server that remembers when each address got its first mail."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived: dict[str, float] = {}

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        for address in envelope.rcpt_tos:
            self.arrived.setdefault(address, time.perf_counter())
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Watched:
    """Seconds since the acknowledgement, by what was waited for; `missed`: what did not come in time."""

    took: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in AIMS})
    missed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AIMS, 0))

    def note(self, name: str, seconds: float | None) -> None:
        if seconds is None:
            self.missed[name] += 1
        else:
            self.took[name].append(seconds)


def section(plan: Plan) -> str:
    sink = TimedSink()
    sink.start()
    try:
        with scratch() as folder:
            settings = {
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(sink.port),
                "ADMIN_PASSWORD": _PASSWORD,
            }
            with installation(folder, **settings) as home:
                return _measure(home, sink, plan)
    finally:
        sink.stop()


def _measure(home: Installation, sink: TimedSink, plan: Plan) -> str:
    home.up()
    inside(home.directory, "benchmarks.road.world")
    home.wait_for(lambda: not _number(home, "filrouge.sqlite3", _UNBUILT), "the audiences")
    write_key = home.write_key("shop")
    api_key = home.api_key("profiles:read", "audiences:read")
    events = Shop(20_000, seed=5).touchpoints(10_000_000)
    lane, rate = _rates(home, write_key, events, 2_000 if plan.quick else 6_000)
    running = Load(home.collector, write_key, events, max(50, int(rate / 2)))
    running.start()
    try:
        time.sleep(2)
        watched = _watch(home, sink, write_key, api_key, plan.probes)
    finally:
        running.stop()
    _drained(home)
    alone, beside = _collector(home, write_key, plan)
    return "\n".join([*_report(watched, lane, rate), *_report_collector(alone, beside)])


# --- Load ---


def _rates(
    home: Installation, write_key: str, events: Iterator[dict[str, Any]], count: int
) -> tuple[float, float]:
    """Return how many touchpoints per second all processes get through: until the lane has seen them, until their mails are out."""
    begun = time.perf_counter()
    for _ in range(count // 100):
        home.post(write_key, *itertools.islice(events, 100))
    _drained(home)
    seen = time.perf_counter() - begun
    home.wait_for(lambda: not _number(home, "filrouge.sqlite3", _QUEUED), "the mails", seconds=600)
    return count / seen, count / (time.perf_counter() - begun)


def _drained(home: Installation) -> None:
    home.wait_for(lambda: _waiting(home) == 0, "an empty inbox", seconds=600)


def _waiting(home: Installation) -> int:
    newest = _number(home, "inbox.sqlite3", "SELECT max(number) FROM live")
    return newest - _number(home, "filrouge.sqlite3", "SELECT live_position FROM identity_lane")


def _number(home: Installation, file: str, sql: str) -> int:
    path = home.directory / file
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
        return int(connection.execute(sql).fetchone()[0] or 0)


# --- Probes ---


def _watch(
    home: Installation, sink: TimedSink, write_key: str, api_key: str, probes: int
) -> Watched:
    watched, end = Watched(), time.perf_counter() + _LONGEST
    with httpx.Client(
        base_url=f"http://{home.console}/api/v1/",
        headers={"Authorization": f"Bearer {api_key}"},
        timeout=30,
    ) as client:
        for number in range(probes):
            if time.perf_counter() > end:
                break
            _probe(home, client, sink, write_key, number, watched=watched)
    return watched


def _probe(
    home: Installation,
    client: httpx.Client,
    sink: TimedSink,
    write_key: str,
    number: int,
    *,
    watched: Watched,
) -> None:
    name = f"probe-{number}"
    address = f"{name}@example.org"
    who = {"userId": name, "anonymousId": f"browser-of-{name}"}
    order = {"order_id": name, "total": 200, "currency": "EUR"}
    home.post(
        write_key,
        {**who, "type": "identify", "messageId": f"i-{name}", "traits": {"email": address}},
        {
            **who,
            "type": "track",
            "event": "Order Completed",
            "messageId": f"t-{name}",
            "properties": order,
        },
    )
    begun = time.perf_counter()

    def uid() -> Any:
        answer = client.get(f"profiles/by/user_id/{name}")
        return answer.json()["id"] if answer.status_code == httpx.codes.OK else None

    def inside_audience() -> Any:
        answer = client.get(f"profiles/{found}/audiences")
        return _AUDIENCE in answer.text

    found = _until(uid, begun)
    watched.note("profile readable", found and time.perf_counter() - begun)
    if found:
        entered = _until(inside_audience, begun)
        watched.note("audience entered", time.perf_counter() - begun if entered else None)
    arrived = _until(lambda: sink.arrived.get(address), begun)
    watched.note("first message handed to the channel", arrived and arrived - begun)


def _until(condition: Callable[[], Any], begun: float) -> Any:
    while time.perf_counter() - begun < _PATIENCE:
        if found := condition():
            return found
        time.sleep(0.01)
    return None


# --- The collector beside the console ---


def _collector(home: Installation, write_key: str, plan: Plan) -> tuple[Measured, Measured]:
    """Send single touchpoints at a moderate rate, first alone, then while somebody uses the console."""
    events = Shop(20_000, seed=6, prefix="beside-").touchpoints(400)
    requests = [
        load.post(home.collector, "/v1/batch", authorization(write_key), body([event]))
        for event in events
    ]
    alone = load.steady(home.collector, requests, 200, plan.seconds * 2)
    with _console(home) as failed:
        beside = load.steady(home.collector, requests, 200, plan.seconds * 2)
    if failed:
        raise RuntimeError(f"the console answers {failed[0]}\n{home.last_words()}")
    return alone, beside


@contextmanager
def _console(home: Installation) -> Iterator[list[str]]:
    """Open five pages of the console per second until the end of the block; yield those that did not answer well."""
    stop, failed = threading.Event(), list[str]()
    thread = threading.Thread(target=_browse, args=(home, stop, failed), name="console")
    thread.start()
    try:
        yield failed
    finally:
        stop.set()
        thread.join()


def _browse(home: Installation, stop: threading.Event, failed: list[str]) -> None:
    pages = ["", "identity/profile/", "activation/audience/", "activation/delivery/", "health/"]
    with httpx.Client(
        base_url=f"http://{home.console}/admin/", timeout=30, follow_redirects=True
    ) as client:
        form = client.get("login/").text
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[:1]
        login = {"username": "admin", "password": _PASSWORD, "csrfmiddlewaretoken": token}
        client.post(
            "login/", data=login, headers={"Referer": f"http://{home.console}/admin/login/"}
        )
        for page in itertools.cycle(pages):
            if stop.wait(1 / _PAGES):
                return
            answer = client.get(page)
            if answer.status_code != httpx.codes.OK or "/login/" in str(answer.url):
                failed.append(f"{answer.status_code} at {answer.url}")


# --- The report ---


def _report(watched: Watched, lane: float, rate: float) -> list[str]:
    lines = [
        (
            f"All processes of one installation (`up`) get through {lane:,.0f} touchpoints/s, and through {rate:,.0f} with the"
            " mails that they lead to delivered; at half of the latter:"
        ),
        "",
        *table(
            "from the acknowledgement",
            "people",
            "p50 ms",
            "p99 ms",
            "aim p50",
            "aim p99",
            "missed",
        ),
    ]
    for name, (half, most) in AIMS.items():
        took = sorted(watched.took[name])
        cells = [f"{_at(took, 0.5):,.0f}", f"{_at(took, 0.99):,.0f}"] if took else ["-", "-"]
        aims = f"{half * 1000:,.0f}", f"{most * 1000:,.0f}"
        lines.append(row(name, len(took), *cells, *aims, watched.missed[name]))
    return lines


def _at(ordered: list[float], share: float) -> float:
    """Return the milliseconds that this share of them stayed below."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def _report_collector(alone: Measured, beside: Measured) -> list[str]:
    return [
        "",
        (
            f"The collector at 200 single touchpoints/s: p99 {alone.percentile(0.99):.1f} ms, and"
            f" {beside.percentile(0.99):.1f} ms while {_PAGES} pages of the console are opened per second"
            f" (p50 {alone.percentile(0.5):.1f} and {beside.percentile(0.5):.1f} ms)."
        ),
    ]
