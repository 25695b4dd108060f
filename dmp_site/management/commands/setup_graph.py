"""Makes the graph store's constraints and indexes."""

from typing import Any

from django.core.management.base import CommandError

from dmp_site import setup
from dmp_site.management.base import Documented
from identity import graph
from identity.clock import now
from identity.profiles import showing
from identity.touchpoints.installation import Foreign


class Command(Documented):
    help = (
        "Make what the graph store needs before the lane may write to it: on Neo4j its constraints and indexes; the lane then shows"
        " every profile in it again. Safe to run again; `setup` does it too for a new installation. It refuses a graph that is not"
        " this installation's, or was emptied: that has to come back from a backup.\n\n"
        "Example: manage.py setup_graph"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        # Asked first: nothing is made in a graph for a database that is away.
        shows = not setup.pending()
        store = graph.store()
        try:
            setup.prepare_graph()
        except Foreign as error:
            raise CommandError(str(error)) from error
        if store.shows_members and shows:
            showing.note_all(now())
        self.stdout.write("The graph store has its constraints and indexes.")
