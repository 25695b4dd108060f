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
        [sys.executable, "-m", "benchmarks.inside", module, *arguments],
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
