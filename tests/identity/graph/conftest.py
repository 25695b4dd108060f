"""Every graph store that the contract suite runs on."""

import pytest

from identity.graph.port import GraphStore
from identity.graph.sql_store import SqlStore
from tests.identity.graph.evidence import SMALL

EPOCH = 3


@pytest.fixture(params=["sql"])
def graph_store(request, db) -> GraphStore:
    """Return a store with the small policy, empty, its epoch raised to EPOCH."""
    store = {"sql": SqlStore}[request.param](policy=SMALL)
    store.raise_epoch(EPOCH)
    return store
