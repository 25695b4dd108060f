"""What stands in fenced blocks of a document, run as a reader would run it."""

import argparse
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ELLIPSIS = re.compile("[0-9a-f]*…")  # in a text: whatever; digits before it are only an example


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [Block(*found) for found in _BLOCK.findall(text)]


def curl(command: str) -> httpx.Response:
    """Do what a curl command says. Knows the options that the documents use, and fails at any other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-u", dest="user")
    parser.add_argument("-d", dest="data")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-i", action="store_true")
    program, *arguments = shlex.split(command)
    assert program == "curl"
    said = parser.parse_args(arguments)
    return httpx.request(
        "GET" if said.data is None else "POST",
        said.url,
        headers=dict(header.split(": ", 1) for header in said.headers),
        content=said.data,
        auth=tuple(said.user.split(":", 1)) if said.user else None,
        trust_env=False,
    )


def shown_in(shown: Any, real: Any, *, exactly: bool = False) -> bool:
    """Tell whether all that a document shows is in the real value: every key, every value but those with an ellipsis.

    A list may hold more than is shown, an object too unless `exactly`.
    """
    if isinstance(shown, dict):
        same = isinstance(real, dict) and (set(shown) == set(real) or not exactly)
        return same and all(
            name in real and shown_in(value, real[name], exactly=exactly)
            for name, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(real, list) and all(
            any(shown_in(each, one, exactly=exactly) for one in real) for each in shown
        )
    if isinstance(shown, str) and "…" in shown:
        pattern = ".*".join(map(re.escape, _ELLIPSIS.split(shown)))
        return isinstance(real, str) and re.fullmatch(pattern, real) is not None
    return bool(shown == real)
