"""Touchpoints, identifiers and links: the evidence for who is who."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from identity.graph.port import GraphStore


@cache
def store() -> GraphStore:
    """Return the graph store that settings.GRAPH_STORE names, one per process."""
    backend = import_string(settings.GRAPH_STORE["BACKEND"])
    made = backend(**settings.GRAPH_STORE.get("OPTIONS", {}))
    if not isinstance(made, GraphStore):
        raise TypeError(f"{settings.GRAPH_STORE['BACKEND']} is no GraphStore")
    return made


def patient_store() -> GraphStore:
    """Return the same store for commands that copy or compare all of it: no lane is there to give a slow one time."""
    found = store()
    found.be_patient()
    return found
