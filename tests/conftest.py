"""Profiles of Hypothesis, and the minutes that each group of tests took."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, is_hypothesis_test, settings
from pytest_django import DjangoDbBlocker

from identity import stages
from tests.crash.report import RUNS, write_runs
from tests.environment import STORES
from tests.soaking import LONG, PROFILE, SOAK, examples
from tests.stores import clear_graph, graph_rows, make_inbox_tables

# Who decides whether a change may land tries the same examples each time; everybody else looks for new ones.
settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=PROFILE != "soak" and "CI" in os.environ,
)
settings.register_profile(
    "fast", parent=settings.get_profile("default"), max_examples=examples(100)
)
settings.register_profile(
    "soak", parent=settings.get_profile("default"), max_examples=5_000, print_blob=True
)
settings.load_profile(PROFILE)

_KINDS = ("browser", "process", "soak")
_NOT_EVERYWHERE = ("browser", "process", "slow")  # unless they say that they are `stores`
# Neo4j sees what the floor of identity, the lane and the checks ask of it; the floors above ask profiles, which are in PostgreSQL.
_ASK_NEO4J = (
    "tests/identity/",
    "tests/dmp_site/cases/",
    "tests/dmp_site/processes/",
    "tests/dmp_site/erasing/",
    "tests/dmp_site/console/test_doctor.py",
    "tests/docs/",
)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse several workers on Neo4j. Groups of pytest-xdist 3.8 would keep all tests in one, but pytest 9 does not see them."""
    if STORES == "neo4j" and (config.getoption("numprocesses", None) or 1) > 1:
        raise pytest.UsageError(
            "Neo4j has one database, which workers would wipe for each other: run STORES=neo4j without -n"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long property runs count as soak tests when that is the profile; begin with what takes a minute, so that no worker ends with it."""
    items.sort(key=lambda item: item.get_closest_marker("kills") is None)
    for item in items:
        if (
            SOAK
            and item.nodeid.startswith(LONG)
            and is_hypothesis_test(getattr(item, "obj", None))
        ):
            item.add_marker(pytest.mark.soak)
        if _runs_on_all_stores(item):
            item.add_marker(pytest.mark.stores)


def _runs_on_all_stores(item: pytest.Item) -> bool:
    if STORES == "neo4j" and not item.nodeid.startswith(_ASK_NEO4J):
        return False
    return _asks_a_database(item) and not any(map(item.get_closest_marker, _NOT_EVERYWHERE))


def _asks_a_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    asked = {"db", "transactional_db"} & set(fixtures)
    return bool(asked) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Give the test database the tables of the inbox, where it keeps them: no migration makes them."""
    with django_db_blocker.unblock():
        make_inbox_tables()


@pytest.fixture(autouse=True)
def _graph_in_one_place(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty Neo4j, where it keeps the graph, before each test that may use a store: no transaction of a test takes that back.

    See afterwards that the tables, which keep it elsewhere, stayed empty.
    """
    if STORES != "neo4j" or not _asks_a_database(request.node):
        yield
        return
    clear_graph()
    request.getfixturevalue("db")  # this ends before the test's transaction does
    yield
    assert graph_rows() == 0, "the graph is in Neo4j, so its tables stay empty"


@pytest.fixture
def reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Yield how to ask which stage this process has reached, as who kills processes asks it."""
    monkeypatch.setattr(stages, "_path", str(tmp_path / "stage"))
    file = stages._open()
    assert file is not None
    monkeypatch.setattr(stages, "_shared", file)
    yield lambda: stages.last(tmp_path / f"stage.{os.getpid()}")
    file.close()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """Let no test inherit the language that a page of an earlier one was shown in: its request left it to the thread."""
    yield
    translation.deactivate()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each group took: kind of test, then floor and room."""
    minutes: dict[str, float] = defaultdict(float)
    tests: dict[str, set[str]] = defaultdict(set)
    for report in _reports(terminalreporter.stats):
        group = _group(report)
        minutes[group] += report.duration / 60
        tests[group].add(report.nodeid)
    if not minutes:
        return
    terminalreporter.write_sep("-", "minutes per group (added up over the workers)")
    for group, spent in sorted(minutes.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{spent:7.2f}  {group} ({len(tests[group])} tests)")
    for run in RUNS:
        if path := os.environ.get(f"{run.upper()}_REPORT"):
            parts = _by_test(terminalreporter.stats) if run == "soak" else minutes
            write_runs(run, STORES, parts, _outcome(terminalreporter.stats), Path(path))


def _by_test(stats: dict[str, list[Any]]) -> dict[str, float]:
    """Return the minutes of each test that ran."""
    minutes: dict[str, float] = defaultdict(float)
    for report in _reports(stats):
        if report.when == "call" and not report.skipped:
            minutes[report.nodeid.removeprefix("tests/")] += report.duration / 60
    return minutes


def _outcome(stats: dict[str, list[Any]]) -> str:
    outcomes = ("passed", "failed", "error", "skipped")
    return f"{', '.join(f'{len(stats[each])} {each}' for each in outcomes if stats.get(each))}."


def _reports(stats: dict[str, list[Any]]) -> Iterable[pytest.TestReport]:
    for reports in stats.values():
        yield from (report for report in reports if isinstance(report, pytest.TestReport))


def _group(report: pytest.TestReport) -> str:
    folder = "/".join(report.nodeid.split("::")[0].split("/")[1:3])
    kind = next((kind for kind in _KINDS if kind in report.keywords), "")
    return f"{folder.removesuffix('.py')}{f', {kind}' if kind else ''}"
