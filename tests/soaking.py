"""How long property tests run: seconds each in `make test`, a tenth of that in `make test-fast`, minutes in `make soak`."""

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
SOAK = PROFILE == "soak"
_FACTORS = {"fast": 0.1, "default": 1, "soak": 20}
_STORES = os.environ.get("STORES", "sqlite")
# A quarter on Neo4j, where an example is some fifty round trips. Long runs would take days there, and most of one on PostgreSQL.
_ROUND_TRIPS = 0.25 if _STORES == "neo4j" else 1
_LONG_ROUND_TRIPS = {"sqlite": 1, "postgresql": 0.1, "neo4j": 0.025}[_STORES]
# Rules that everything else rests on: their properties run long in `make soak`.
LONG = (
    "tests/activation/audiences/test_refresh.py",
    "tests/activation/pressure/test_reserve.py",
    "tests/dmp_site/processes/test_forgotten_ids.py",
    "tests/dmp_site/processes/test_lane_crowds.py",
    "tests/dmp_site/processes/test_lane_parted.py",
    "tests/identity/graph/test_founders.py",
    "tests/identity/graph/test_partition.py",
    "tests/identity/graph/test_store_contract.py",
    "tests/identity/graph/test_store_decisions.py",
    "tests/identity/graph/test_store_forgetting.py",
    "tests/identity/graph/test_store_recounting.py",
    "tests/identity/profiles/test_crowds.py",
    "tests/identity/profiles/test_decisions.py",
    "tests/identity/profiles/test_fold.py",
    "tests/identity/profiles/test_old_ids.py",
    "tests/identity/profiles/test_resolve.py",
    "tests/identity/profiles/test_rebuild.py",
    "tests/identity/touchpoints/test_inbox_properties.py",
    "tests/journeys/enrolments/test_order.py",
)


def examples(usual: int, *, soak: int | None = None) -> int:
    """Return how many examples a test that usually tries this many tries now. `soak`: how many in `make soak`, where that is agreed."""
    long = soak * _LONG_ROUND_TRIPS if SOAK and soak else 0
    factor = 1 if long else _FACTORS[PROFILE]
    return max(1, int(max(long, usual * factor * _ROUND_TRIPS)))
