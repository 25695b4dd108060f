"""docs/configuration.md names every setting, with the default that it has, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
READERS = {"text", "secret", "integer", "flag", "names"}


def read_by_the_code() -> Iterator[tuple[str, str]]:
    """Yield (name, reader) of each `env.reader("NAME", …)`, and what is read straight from the environment."""
    for path in ROOT.glob("*/**/*.py"):
        if path.relative_to(ROOT).parts[0] not in {
            "dmp_site",
            "identity",
            "activation",
            "journeys",
        }:
            continue
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, reader = node.func.value, node.func.attr
                if isinstance(owner, ast.Name) and owner.id == "env" and reader in READERS:
                    assert isinstance(node.args[0], ast.Constant)
                    yield f"FILROUGE_{node.args[0].value}", reader
        for name in re.findall(r"""environ(?:\.get\(|\.pop\(|\[)["'](FILROUGE_[A-Z_]+)""", source):
            yield name, "text"


def test_every_setting_is_described() -> None:
    assert {name for name, _ in read_by_the_code() if f"`{name}`" not in TEXT} == set()


def test_every_secret_may_be_a_file() -> None:
    secrets = {f"{name}_FILE" for name, reader in read_by_the_code() if reader == "secret"}
    assert {name for name in secrets if f"`{name}`" not in TEXT} == set()


def test_nothing_is_described_that_is_not_there() -> None:
    known = {name for name, _ in read_by_the_code()}
    known |= {f"{name}_FILE" for name, reader in read_by_the_code() if reader == "secret"}
    assert set(re.findall(r"`(FILROUGE_[A-Z_]+)`", TEXT)) <= known
