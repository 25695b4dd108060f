"""Splink: learns from the records themselves how much it says that two of them agree, and guesses which are about one person.

The only module that knows Splink. Records stay in this process's memory, and in a folder that is the owner's alone and goes at the end.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from identity.touchpoints.matching import rules
from identity.touchpoints.matching.columns import Kind
from identity.touchpoints.matching.rules import Block

_SEED = 1
_SAMPLE = 5_000_000  # pairs that say how often two records agree by chance
_RECALL = 0.6  # how many of all pairs of one person the sure ones are taken to be
_DIGITS = 12  # of a probability: beyond them the order of sums shows, and the same records would teach something else each time
_SURELY = 1 - 10**-_DIGITS  # a guess is never quite sure
_ROW, _NAME = "record_number", "given_and_family_name"  # columns of our own

Records = Mapping[str, Sequence[str | None]]  # column -> a value of each record


class NoModel(Exception):
    """There is no guessing; the message says why."""


class Guess(NamedTuple):
    """Two records, by their positions, that are about one person with this probability, which is below 1."""

    a: int
    b: int
    probability: float


def require() -> None:
    """Raise NoModel where Splink is not installed."""
    try:
        import splink  # noqa: F401, PLC0415 - an optional dependency
    except ImportError as error:
        raise NoModel("guessing needs Splink: pip install -r requirements/matching.txt") from error


def guess(
    records: Records,
    columns: Mapping[str, Kind],
    threshold: float,
    report: Callable[[str], None] = lambda _: None,
) -> list[Guess]:
    """Return the pairs at or above the threshold, the surest first. Raises NoModel."""
    require()
    import pyarrow as pa  # noqa: PLC0415 - comes with Splink

    # Whatever columns are called, here they have names that are no SQL.
    values = {f"column{place}": list(records[name]) for place, name in enumerate(columns)}
    columns = dict(zip(values, columns.values(), strict=True))
    table = pa.table(
        {_ROW: pa.array(range(len(next(iter(values.values())))), pa.int64())}
        | {name: pa.array(each, pa.string()) for name, each in values.items()}
        | ({_NAME: pa.array(full, pa.string())} if (full := _full_names(values, columns)) else {})
    )
    with _quiet(), tempfile.TemporaryDirectory(prefix="filrouge-") as folder:
        found = _predicted(table, columns, threshold, folder, report)
    guesses = [
        Guess(min(a, b), max(a, b), min(round(p, _DIGITS), _SURELY))
        for a, b, p in zip(
            *(found[name] for name in (f"{_ROW}_l", f"{_ROW}_r", "match_probability")), strict=True
        )
    ]
    return sorted(guesses, key=lambda each: (-each.probability, each.a, each.b))


def _predicted(
    table: Any,
    columns: Mapping[str, Kind],
    threshold: float,
    folder: str,
    report: Callable[[str], None],
) -> dict[str, list[Any]]:
    """Train a model and use it. Raises NoModel."""
    import duckdb  # noqa: PLC0415 - comes with Splink
    from splink import DuckDBAPI, Linker  # noqa: PLC0415

    alone = {"temp_directory": folder, "autoinstall_known_extensions": "false"}
    with duckdb.connect(":memory:", config=alone) as connection:
        connection.execute("SET enable_progress_bar = false")
        linker = Linker(DuckDBAPI(connection).register(table), _settings(columns), log_level=None)
        try:
            _train(linker, connection, columns, report)
            report("comparing")
            found = linker.inference.predict(threshold_match_probability=threshold)
            return dict(found.as_dict())
        except Exception as error:  # noqa: BLE001 - of many kinds, and their texts may quote records
            raise NoModel(
                f"these records teach no model ({type(error).__name__}): there may be too few, or none that agree"
            ) from None


def _train(
    linker: Any, connection: Any, columns: Mapping[str, Kind], report: Callable[[str], None]
) -> None:
    report("learning")
    train = linker.training
    train.estimate_probability_two_random_records_match(
        [_sql(block) for block in rules.sure(columns)], recall=_RECALL
    )
    threads = connection.execute("SELECT current_setting('threads')").fetchone()[0]
    connection.execute("SET threads = 1")  # a sample is the same each time with one alone
    train.estimate_u_using_random_sampling(max_pairs=_SAMPLE, seed=_SEED)
    connection.execute(f"SET threads = {int(threads)}")
    for block in rules.training(columns):
        train.estimate_parameters_using_expectation_maximisation(
            _block_on(block), estimate_without_term_frequencies=True
        )


def _settings(columns: Mapping[str, Kind]) -> Any:
    from splink import SettingsCreator  # noqa: PLC0415

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=_ROW,
        blocking_rules_to_generate_predictions=[_block_on(each) for each in rules.blocks(columns)],
        comparisons=list(_comparisons(columns)),
        retain_matching_columns=False,
    )


def _comparisons(columns: Mapping[str, Kind]) -> Iterator[Any]:
    """Yield how the values of each column are compared; both names together where there are both."""
    from splink import comparison_library as library  # noqa: PLC0415

    of = {kind: name for name, kind in columns.items()}
    given, family = of.get(Kind.GIVEN_NAME), of.get(Kind.FAMILY_NAME)
    both = bool(given and family)
    if both:
        yield library.ForenameSurnameComparison(
            given, family, forename_surname_concat_col_name=_NAME
        )
    for name, kind in columns.items():
        if kind in {Kind.GIVEN_NAME, Kind.FAMILY_NAME}:
            if not both:
                yield library.NameComparison(name)
        elif kind is Kind.BIRTH_DATE:
            yield library.DateOfBirthComparison(name, input_is_string=True)
        elif kind is Kind.POSTCODE:
            yield library.PostcodeComparison(name)
        elif kind is Kind.EMAIL:
            yield library.EmailComparison(name)
        else:
            yield library.ExactMatch(name).configure(term_frequency_adjustments=True)


def _full_names(values: Records, columns: Mapping[str, Kind]) -> list[str | None] | None:
    """Return given and family names together, None where a file has no column for one of them."""
    of = {kind: name for name, kind in columns.items()}
    given, family = of.get(Kind.GIVEN_NAME), of.get(Kind.FAMILY_NAME)
    if given is None or family is None:
        return None
    pairs = zip(values[given], values[family], strict=True)
    return [f"{one} {other}" if one and other else None for one, other in pairs]


def _block_on(block: Block) -> Any:
    from splink import block_on  # noqa: PLC0415

    return block_on(*(_term(each.column, each.first) for each in block))


def _sql(block: Block) -> str:
    """Return the condition that two records are in one block."""
    return " AND ".join(
        f"{_term(each.column, each.first, 'l.')} = {_term(each.column, each.first, 'r.')}"
        for each in block
    )


def _term(column: str, first: int, of: str = "") -> str:
    quoted = f'{of}"{column}"'
    return f"substr({quoted}, 1, {first})" if first else quoted


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nothing be said of records: what Splink logs may quote them."""
    log = logging.getLogger("splink")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
