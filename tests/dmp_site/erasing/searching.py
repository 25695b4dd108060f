"""Looks for texts in everything that an installation stores: every table, found by walking the models, and every node of Neo4j."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import connection

from identity.sql import fetch
from tests.environment import STORES
from tests.stores import cypher


def tables() -> list[str]:
    """Return the names of all tables of the Django database, those that no model knows among them."""
    names = {model._meta.db_table for model in apps.get_models()}
    return sorted(names & set(connection.introspection.table_names()) | _unmodelled())


def _unmodelled() -> set[str]:
    return {each for each in connection.introspection.table_names() if each.startswith("inbox_")}


def rows() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every row of every table, and of every node and relationship."""
    for table in tables():
        for row in fetch(f'SELECT * FROM "{table}"'):
            yield table, " | ".join(map(text, row))
    if STORES == "neo4j":
        for record in cypher("MATCH (n) RETURN labels(n), properties(n)"):
            yield "node", str(record.values())
        for record in cypher("MATCH ()-[r]->() RETURN type(r), properties(r)"):
            yield "relationship", str(record.values())


def text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value, default=str)


def found(needles: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return (place, needle, row) wherever a needle is met as a word of its own."""
    wanted = pattern(needles)
    return [(place, met[0], said[:300]) for place, said in rows() for met in wanted.finditer(said)]


def pattern(needles: Iterable[str]) -> re.Pattern[str]:
    """Return what finds any of the needles: "u1" is not met in "u12"."""
    longest_first = sorted({each for each in needles if each}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")
