"""Run by the supervisor's tests: supervises two sleepers, each with a child of its own, and what cannot be started, until told to stop."""

import sys
from pathlib import Path

from dmp_site.processes.supervisor import Child, Supervisor

SLEEPER = """
import os, subprocess, sys, threading, time
from pathlib import Path
from dmp_site.processes import lifeline
lifeline.hold()
forked = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with Path({file!r}).open("a") as file:
    file.write(f"{{os.getpid()}} {{forked.pid}}\\n")
time.sleep(600)
"""

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    hung = directory / "hung"
    children = [
        Child(
            name,
            [sys.executable, "-c", SLEEPER.format(file=str(directory / name))],
            hung=lambda *_, name=name: (directory / f"hung-{name}").exists(),
        )
        for name in ("one", "two")
    ]
    late = Child("late", [str(directory / "late")])  # a command that is not there yet
    Supervisor([*children, late]).run()
