"""What only the inbox file has: a missing file, a writer in another process, a disk without room."""

import fcntl
import gc
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from identity.touchpoints.inbox.port import ForeignInbox, InboxAway, InboxTaken, NewRow
from identity.touchpoints.inbox.sqlite import SqliteInbox, SqliteWriter
from identity.touchpoints.types import Mode
from tests.identity.touchpoints.test_inbox_contract import at_most

NOW = 1_700_000_000_000
HOLDER = """
import sys, time
from pathlib import Path
from identity.touchpoints.inbox.sqlite.writer import _take
_take(Path(sys.argv[1]).resolve())
print("held", flush=True)
sys.stdin.read()
"""


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    inbox = SqliteInbox(tmp_path / "inbox.sqlite3")
    with pytest.raises(ForeignInbox, match="no inbox at"):
        inbox.reader().uuid()
    with pytest.raises(ForeignInbox, match="no inbox at"):
        inbox.writer(lambda: NOW)


DAMAGES = {
    "empty": b"",
    "no database": b"this was an inbox once, before somebody wrote over it" * 100,
    "torn": b"SQLite format 3\x00" + bytes(4080),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, db: None, case: str) -> None:
    path = tmp_path / "inbox.sqlite3"
    path.write_bytes(DAMAGES[case])
    inbox = SqliteInbox(path)
    for look in (
        lambda: inbox.reader().uuid(),
        lambda: inbox.reader().check(),
        lambda: inbox.reader().backlog(),
        lambda: inbox.reader().latest(),
        lambda: inbox.reader().claim(at_most(5), NOW),
        lambda: inbox.writer(lambda: NOW),
        lambda: inbox.writer(lambda: NOW),  # not InboxTaken: the first let go of its locks
        inbox.make,
    ):
        with pytest.raises(ForeignInbox, match=r"cannot be read as an inbox .* from its backup"):
            look()


def test_a_file_that_cannot_be_opened_is_away_and_not_foreign(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite3"
    path.mkdir()
    with pytest.raises(InboxAway, match="cannot be read"):
        SqliteInbox(path).reader().uuid()


def test_a_writer_of_another_process_is_respected_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite3"
    inbox = SqliteInbox(path)
    inbox.make()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InboxTaken):
            inbox.writer(lambda: NOW)
        holder.kill()
    inbox.writer(lambda: NOW).close()


def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path, db: None) -> None:
    inbox = SqliteInbox(tmp_path / "inbox.sqlite3")
    inbox.make()
    ticks = itertools.count(NOW)
    writer = inbox.writer(lambda: next(ticks))
    assert isinstance(writer, SqliteWriter)
    kept = writer.append([NewRow(1, Mode.LIVE, b"kept")], NOW)
    pages = writer._database.execute("PRAGMA page_count").fetchone()[0]
    writer._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(InboxAway, match="full"):
        writer.append([NewRow(1, Mode.LIVE, bytes(100_000))], NOW)
    writer._database.execute("PRAGMA max_page_count=1000000")
    assert writer.append([NewRow(1, Mode.LIVE, b"next")], NOW) == kept + 1
    writer.close()
    assert [row.payload for row in inbox.reader().claim(at_most(5), NOW + 9).rows] == [
        b"kept",
        b"next",
    ]


@pytest.mark.slow
def test_a_commit_that_hangs_holds_the_clock_and_not_the_lane(tmp_path: Path, db: None) -> None:
    """The collector was stopped inside its commit: the horizon stays where it was, what is there is processed."""
    path = tmp_path / "inbox.sqlite3"
    inbox = SqliteInbox(path)
    inbox.make()
    ticks = itertools.count(NOW)
    writer = inbox.writer(lambda: next(ticks))
    writer.append([NewRow(1, Mode.LIVE, b"first")], NOW)
    reader, fresh = inbox.reader(), inbox.reader()
    before = reader.claim(at_most(5), NOW + 100)
    writer.append([NewRow(1, Mode.LIVE, b"second")], NOW + 200)
    with path.with_name(f"{path.name}.stamp").open("r+") as hanging:
        fcntl.flock(hanging, fcntl.LOCK_EX)
        for later in (1_000, 2_000):
            claim = reader.claim(at_most(5), NOW + later)
            assert [row.payload for row in claim.rows] == [b"first", b"second"]
            assert claim.horizon == before.horizon
        with pytest.raises(InboxAway, match="hangs inside a commit"):
            fresh.claim(at_most(5), NOW + 3_000)
    assert reader.claim(at_most(5), NOW + 4_000).horizon == NOW + 4_000
    writer.close()


def test_who_only_looks_leaves_no_file_open(tmp_path: Path, db: None) -> None:
    """The collector looks twice a second, the health page with every call: each with a reader of its own."""
    inbox = SqliteInbox(tmp_path / "inbox.sqlite3")
    inbox.make()

    def looks(times: int) -> int:
        for _ in range(times):
            inbox.reader().backlog()
            inbox.reader().latest()
        gc.collect()  # an unused connection waits for it
        return len(list(Path("/proc/self/fd").iterdir()))

    assert looks(1) == looks(20)
