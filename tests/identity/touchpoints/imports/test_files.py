"""Rows of files, and what stands in for a row that cannot be read."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from identity.touchpoints.imports.files import LONGEST_CELL, BadFile, rows
from identity.touchpoints.imports.mapping import BadRow


def read(path: Path, content: bytes) -> list[object]:
    path.write_bytes(content)
    return [str(row) if isinstance(row, BadRow) else row for row in rows(path)]


def test_csv(tmp_path: Path) -> None:
    found = read(tmp_path / "f.csv", '\ufeffa,b\n1,"x,\ny"\n1\n1,2,3\n2,é\n'.encode())
    assert found[0] == {"a": "1", "b": "x,\ny"}
    assert found[1] == found[2] == "it has another number of cells than the header"
    assert found[3] == {"a": "2", "b": "é"}


@pytest.mark.parametrize(
    "broken",
    [
        f'1,"{"x" * LONGEST_CELL}y\n9,9\n"\n',
        '1,"said "no", "and\n9,9\nleft"\n',
        '1,"never ended\n9,9\n',
    ],
    ids=["too long", "a quote in a cell", "open to the end"],
)
@pytest.mark.parametrize("header", ["a,b\n", ""])
def test_what_is_no_csv_ends_the_file_since_nobody_knows_where_the_next_row_begins(
    tmp_path: Path, header: str, broken: str
) -> None:
    """Lines of a cell are no rows, and no header."""
    (tmp_path / "f.csv").write_text(f"{header}{broken}5,6\n")
    found = rows(tmp_path / "f.csv")
    with pytest.raises(BadFile, match=f"from line {1 + bool(header)} on"):
        raise AssertionError(list(found))


def test_json_lines(tmp_path: Path) -> None:
    found = read(tmp_path / "f.jsonl", b'{"a":1}\n\n[1]\n{\n\xff\n' + b"[" * 9000 + b'\n{"a":2}')
    assert found[0] == {"a": 1}
    assert [str(each).startswith("it is no JSON object") for each in found[1:-1]] == [True] * 4
    assert found[-1] == {"a": 2}


def test_parquet(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, None], "b": ["x", "y"]}), tmp_path / "f.parquet")
    assert list(rows(tmp_path / "f.parquet")) == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]


@pytest.mark.parametrize("name", ["f.txt", "gone.csv", "f.parquet"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "f.txt").write_text("a")
    (tmp_path / "f.parquet").write_text("no parquet")
    with pytest.raises(BadFile):
        list(rows(tmp_path / name))


def test_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="not UTF-8"):
        read(tmp_path / "f.csv", b"a\n\xe9\n")
