"""The graph store that the contract suite runs on."""

import pytest

from identity.graph.port import GraphStore
from tests.identity.graph.evidence import SMALL
from tests.stores import empty_graph

EPOCH = 3


@pytest.fixture
def graph_store(db) -> GraphStore:
    """Return a store of the kind that STORES names, with the small policy, empty, its epoch raised to EPOCH."""
    store = empty_graph(SMALL)
    store.raise_epoch(EPOCH)
    return store
