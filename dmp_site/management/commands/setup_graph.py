"""Makes the graph store's constraints and indexes."""

from typing import Any

from django.core.management.base import CommandError

from dmp_site.management.base import Documented
from identity import graph
from identity.graph.port import StoreAway


class Command(Documented):
    help = (
        "Make what the graph store needs before the lane may write to it: on Neo4j its constraints and indexes, and the uuid that"
        " tells it from another installation's. Safe to run again; `setup` does it too for a new installation.\n\n"
        "Example: manage.py setup_graph"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            made = graph.store().make()
        except StoreAway as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The graph store {made} is ready.")
