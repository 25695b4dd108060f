"""A graph in Neo4j that may be wiped: one that is empty, or that holds the mark (:Scratch). Nothing else is touched."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from identity.graph.neo4j_store import Neo4jStore
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphStore

_LOOK = "OPTIONAL MATCH (s:Scratch) WITH count(s) AS marks RETURN marks > 0, EXISTS { MATCH (n) }"
_MARK = "CREATE (:Scratch)"
_WIPE = "MATCH (n:!Scratch) WITH n LIMIT 10000 DETACH DELETE n RETURN count(n)"
_BEGIN = "CREATE (:Graph {id: 1, uuid: randomUUID()}) CREATE (:Lane {id: 1, epoch: $epoch})"
_UNMARK = "MATCH (s:Scratch) DELETE s"


class NotScratch(Exception):
    """The graph holds something and is not marked as scratch: it is left alone."""


class Scratch:
    """The graph that these options of Neo4jStore name. Every store made of it begins at `epoch`."""

    def __init__(self, options: Mapping[str, Any], epoch: int) -> None:
        self._options = options
        self._epoch = epoch
        self._own = self._store(DEFAULT)

    @contextmanager
    def claimed(self) -> Iterator[Callable[[Policy], GraphStore]]:
        """Yield how to have the graph empty; afterwards it is as it was: empty, or empty and marked.

        Raises NotScratch. A run that is killed leaves the mark, so that the next one may go on.
        """
        marked, full = self._own.read(lambda ask: ask(_LOOK))
        if full and not marked:
            raise NotScratch(
                "the graph is not empty, and it is not marked as scratch: name an empty one, or, if all that is in it may be"
                " deleted, mark it with CREATE (:Scratch)"
            )
        self._own.prepare()
        if not marked:
            self._own.write(lambda ask: ask(_MARK))
        try:
            yield self._empty
        finally:
            self._wipe()
            if not marked:
                self._own.write(lambda ask: ask(_UNMARK))

    def _empty(self, policy: Policy) -> GraphStore:
        self._wipe()
        self._own.write(lambda ask: ask(_BEGIN, epoch=self._epoch))
        return self._store(policy)

    def _wipe(self) -> None:
        while self._own.write(lambda ask: ask(_WIPE)) != [0]:
            pass

    def _store(self, policy: Policy) -> Neo4jStore:
        made = Neo4jStore(**self._options, policy=policy)
        made.be_patient()
        return made
