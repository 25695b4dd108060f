"""How long property tests run: a few seconds each with every test run, minutes in `make soak`."""

import os

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
_FACTOR = 20
# Rules that everything else rests on: their properties run long in `make soak`.
LONG = (
    "tests/identity/graph/test_partition.py",
    "tests/identity/graph/test_store_contract.py",
    "tests/identity/profiles/test_resolve.py",
    "tests/identity/profiles/test_rebuild.py",
    "tests/identity/touchpoints/test_inbox_properties.py",
)


def examples(usual: int) -> int:
    """Return how many examples a test that usually tries this many tries now."""
    return usual * _FACTOR if SOAK else usual
