"""Installations for benchmarks: made once, copied for whoever is to begin at the same point."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.installation import ROOT, Installation
from tests.places import Place

_INSIDE = (sys.executable, "-m", "benchmarks.inside")


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a directory that is removed afterwards."""
    with TemporaryDirectory(prefix="filrouge-bench-") as folder:
        yield Path(folder)


def prepared(
    folder: Path,
    touchpoints: int,
    people: int,
    place: Place | None = None,
    *,
    growing: bool = False,
) -> Path:
    """Make an installation with the world of the benchmark and a full inbox; its stores are files unless `place` has them.

    `growing`: see benchmarks.stream.
    """
    folder.mkdir()
    Installation(folder, place).manage("setup")
    how = ["growing"] if growing else []
    inside(folder, "benchmarks.road.prepare", str(touchpoints), str(people), *how, place=place)
    return folder


def copy(folder: Path, name: str) -> Path:
    """Copy an installation at rest, beside it."""
    return Path(shutil.copytree(folder, folder.with_name(name)))


def inside(folder: Path, module: str, *arguments: str, place: Place | None = None) -> str:
    """Run a module in an installation; return what it printed. What it says on the way is seen at once. Raises RuntimeError."""
    done = subprocess.run(
        [*_INSIDE, module, *arguments],
        env=Installation(folder, place).environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{module} {' '.join(arguments)} ended with {done.returncode}: see above"
        )
    return done.stdout


@contextmanager
def beside(folder: Path, module: str, *arguments: str) -> Iterator[None]:
    """Let a module run in an installation during the block, which begins when it says a line. Raises RuntimeError when it ends by itself."""
    with subprocess.Popen(
        [*_INSIDE, module, *arguments],
        env=Installation(folder).environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            begun = process.stdout is not None and process.stdout.readline()
            if begun:
                yield
            if process.poll() is not None or not begun:
                raise RuntimeError(f"{module} {' '.join(arguments)} ended: see above")
        finally:
            process.terminate()
