"""Makes the graph store's constraints and indexes."""

from typing import Any

from dmp_site import setup
from dmp_site.management.base import Documented
from identity import graph
from identity.clock import now
from identity.profiles import showing


class Command(Documented):
    help = (
        "Make what the graph store needs before the lane may write to it: on Neo4j its constraints and indexes, and the uuid that"
        " tells it from another installation's; the lane then shows every profile in it again. Safe to run again; `setup` does it too"
        " for a new installation.\n\n"
        "Example: manage.py setup_graph"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        # Asked first: no graph is marked for a database that is away.
        shows = not setup.pending()
        store = graph.store()
        made = store.make()
        if store.shows_members and shows:
            showing.note_all(now())
        self.stdout.write(f"The graph store {made} is ready.")
