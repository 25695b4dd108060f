"""What the commands of the whole product share: see `identity.management.base`, which knows no graph."""

from identity.graph.port import GraphMissing, StoreAway
from identity.management import base


class Documented(base.Documented):
    """A command that may ask the graph store too."""

    def what_is_away(self, error: Exception) -> str:
        if isinstance(error, GraphMissing):
            return str(error)  # it says what to run
        if not isinstance(error, StoreAway):
            return super().what_is_away(error)
        # Tables of the graph are away with their database: that is what can be started.
        cause = error.__cause__
        of_database = super().what_is_away(cause) if isinstance(cause, Exception) else ""
        return of_database or f"{base.line(error)}: {base.AGAIN}"
