"""What only the inbox file has: a missing file, a writer in another process, a disk without room."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from identity.touchpoints.inbox.port import ForeignInbox, InboxAway, InboxTaken, NewRow
from identity.touchpoints.inbox.sqlite import SqliteInbox, SqliteWriter
from identity.touchpoints.types import Mode

NOW = 1_700_000_000_000
HOLDER = """
import sys, time
from pathlib import Path
from identity.touchpoints.inbox.sqlite import _take
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
    assert [row.payload for row in inbox.reader().claim(5, NOW + 9).rows] == [b"kept", b"next"]
