"""Addresses of servers: taken as they are meant, or refused by the name of their setting, with nothing of the password said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import example, given
from hypothesis import strategies as st

from dmp_site import addresses
from tests.installation import Installation

BAD = [
    ("DATABASE_URL", "postgresql://u:hush/secret@h/db"),
    ("DATABASE_URL", "postgresql://u:hush[secret@h/db"),
    ("DATABASE_URL", "postgresql://u:hush?secret@h/db"),
    ("DATABASE_URL", "postgresql://u:12/secret@h/db"),
    ("DATABASE_URL", "postgresql://u:hush@h:secret/db"),
    ("DATABASE_URL", "postgresql://u:hush℀secret@h/db"),
    ("DATABASE_URL", "mysql://u:hush-secret@h/db"),
    ("DATABASE_URL", "u:hush-secret@h/db"),
    ("GRAPH_URL", "bolt://neo4j:hush/secret@h:7687"),
    ("GRAPH_URL", "bolt://neo4j:hush#secret@h:7687"),
    ("GRAPH_URL", "bolt://neo4j:12/secret@h:7687"),
    ("GRAPH_URL", "bolt://neo4j:hush]secret@h:7687"),
    ("GRAPH_URL", "bolt://neo4j:hush-secret@h:7687/neo4j"),
    ("GRAPH_URL", "bolt://neo4j:hush-secret@h:7687?policy=eu"),
    ("GRAPH_URL", "bolt+tls://neo4j:hush-secret@h:7687"),
]
PASSWORDS = st.text("@:/?#%[]a1é", max_size=12)


def said(read: Callable[[], object]) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        read()
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None, "a traceback would show what the address was"
    return str(refused.value)


@pytest.mark.parametrize(("variable", "url"), BAD)
def test_what_is_refused_names_the_setting_and_nothing_of_the_address(
    variable: str, url: str
) -> None:
    if variable == "DATABASE_URL":
        text = said(lambda: addresses.postgresql(url, "FILROUGE_X"))
        assert text.startswith("FILROUGE_X must read postgresql://user:password@host:port/name")
    else:
        text = said(lambda: addresses.neo4j(url, "neo4j", "FILROUGE_X"))
        assert text.startswith("FILROUGE_X must read bolt://user:password@host:port")
    assert "percent-encoded" in text
    assert "hush" not in text
    assert "secret" not in text


@given(PASSWORDS)
@example("se/cret")
@example("12/x?y")
def test_a_password_of_postgresql_never_passes_for_something_else(password: str) -> None:
    try:
        found = addresses.postgresql(f"postgresql://u:{password}@h:5432/db", "X")
    except ImproperlyConfigured:
        assert set("/?#[]") & set(password), "it stands between user and host: nothing is unclear"
        return
    assert [found[part] for part in ("USER", "HOST", "PORT", "NAME")] == ["u", "h", "5432", "db"]
    assert found["PASSWORD"] == unquote(password)


@given(PASSWORDS)
@example("pa/ss")
@example("12/x")
def test_a_password_of_neo4j_never_passes_for_something_else(password: str) -> None:
    try:
        found: dict[str, Any] = addresses.neo4j(f"bolt://u:{password}@h:7687", "neo4j", "X")
    except ImproperlyConfigured:
        assert set("/?#[]") & set(password), "it stands between user and host: nothing is unclear"
        return
    options = found["OPTIONS"]
    assert (options["url"], options["user"]) == ("bolt://h:7687", "u")
    assert options["password"] == unquote(password)


def test_what_may_be_left_out_is_left_out() -> None:
    found = addresses.postgresql("postgresql:///db", "X")
    assert (found["HOST"], found["PORT"], found["USER"], found["NAME"]) == ("", "", "", "db")
    graph = addresses.neo4j("neo4j+s://[::1]/", "neo4j", "X")["OPTIONS"]
    assert (graph["url"], graph["user"]) == ("neo4j+s://[::1]", "")


@pytest.mark.process
@pytest.mark.parametrize(
    "bad",
    [
        {"DATABASE_URL": "postgresql://u:hush/secret@h/db"},
        {
            "DATABASE_URL": "postgresql://u:p@h/db",
            "GRAPH_URL": "bolt://neo4j:hush/secret@h:7687",
        },
    ],
)
def test_a_command_says_which_setting_is_malformed(tmp_path: Path, bad: dict[str, str]) -> None:
    refused = Installation(tmp_path, **bad).manage("doctor", check=False)
    assert refused.returncode
    told = refused.stdout + refused.stderr
    assert f"FILROUGE_{[*bad][-1]} must read " in told
    assert not any(word in told for word in ("Traceback", "hush", "secret"))
