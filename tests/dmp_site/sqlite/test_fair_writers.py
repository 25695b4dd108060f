"""A writer gets its turn although another one writes transaction after transaction."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

GREEDY = """
import os, sys, time
os.environ["FILROUGE_DATA_DIR"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "dmp_site.settings"
import django
django.setup()
from django.db import connection, transaction
count = 0
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
waits = []
while time.monotonic() < end:
    began = time.monotonic()
    if sys.argv[5] == "autocommit":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE turns SET n = n + 1")
        waits.append(time.monotonic() - began)
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            waits.append(time.monotonic() - began)
            cursor.execute("UPDATE turns SET n = n + 1")
            time.sleep(float(sys.argv[3]))
    time.sleep(float(sys.argv[4]))
print(len(waits), max(waits), flush=True)
"""


LOOKS = """
import os, sys, threading, time
os.environ["FILROUGE_DATA_DIR"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "dmp_site.settings"
import django
django.setup()
from django.db import connection, transaction
from dmp_site.processes import turns

def write():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE turns SET n = n + 1")
    connection.close()

def until_awaited():
    end = time.monotonic() + 30
    while not turns.awaited() and time.monotonic() < end:
        time.sleep(0.01)
    print(turns.awaited(), flush=True)

with transaction.atomic():
    print(turns.awaited(), flush=True)
    until_awaited()  # by another process
while connection.cursor().execute("SELECT n FROM turns").fetchone()[0] == 0:
    time.sleep(0.01)
with transaction.atomic():
    print(turns.awaited(), flush=True)
    thread = threading.Thread(target=write)
    thread.start()
    until_awaited()  # by another thread
thread.join()
with transaction.atomic():
    print(turns.awaited(), flush=True)
"""


def writer(
    directory: Path, seconds: float, hold: float, rest: float, how: str = "atomic"
) -> subprocess.Popen[str]:
    arguments = [str(value) for value in (directory, seconds, hold, rest, how)]
    process = subprocess.Popen(
        [sys.executable, "-c", GREEDY, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def turns(process: subprocess.Popen[str]) -> tuple[int, float]:
    output, _ = process.communicate(timeout=60)
    count, longest = output.split()
    return int(count), float(longest)


@pytest.fixture(autouse=True)
def table(tmp_path: Path) -> None:
    setup = (
        "import os,sys,django;os.environ['FILROUGE_DATA_DIR']=sys.argv[1];"
        "os.environ['DJANGO_SETTINGS_MODULE']='dmp_site.settings';django.setup();"
        "from django.db import connection;c=connection.cursor();"
        "c.execute('CREATE TABLE turns (n integer)');c.execute('INSERT INTO turns VALUES (0)')"
    )
    subprocess.run([sys.executable, "-c", setup, str(tmp_path)], check=True)


@pytest.mark.parametrize("how", ["atomic", "autocommit"])
def test_a_console_save_waits_for_a_few_lane_transactions_only(tmp_path: Path, how: str) -> None:
    lane = writer(tmp_path, 6, 0.04, 0)
    time.sleep(0.2)
    console = writer(tmp_path, 4, 0.001, 0.02, how)
    saves, longest = turns(console)
    batches, _ = turns(lane)
    # Unfairly, the console gets a turn every few seconds; in turns, about one for each of the lane's.
    assert saves > batches / 5
    assert longest < 2


def test_who_writes_sees_whether_another_process_or_thread_waits(tmp_path: Path) -> None:
    looking = subprocess.Popen(
        [sys.executable, "-c", LOOKS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert looking.stdout is not None
    assert looking.stdout.readline() == "False\n"
    waiting = writer(tmp_path, 0.01, 0, 0)
    output, _ = looking.communicate(timeout=60)
    assert output.split() == ["True", "False", "True", "False"]
    waiting.communicate(timeout=60)
