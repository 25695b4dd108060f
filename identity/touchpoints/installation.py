"""One installation, one set of stores and keys: anything else is refused with a message."""

from uuid import UUID

from django.db import transaction

from identity.clock import Instant
from identity.privacy import audit
from identity.privacy.keys import Keys
from identity.touchpoints.models import Installation

ROW = 1
SETUP = "command:setup"  # the actor of what an installation is made with


class Foreign(Exception):
    """A store or a key that belongs to another installation."""


def register(*, inbox: UUID, graph: UUID, keys: Keys, now: Instant) -> None:
    """Record which stores and keys belong together, once; afterwards the same as `verify`. Raises Foreign."""
    with transaction.atomic():
        row, made = Installation.objects.get_or_create(
            pk=ROW,
            defaults={
                "inbox": inbox,
                "graph": graph,
                "identifier_key": keys.fingerprint("identifier"),
                "vault_key": keys.fingerprint("vault"),
                "created_at": now,
            },
        )
        if made:
            audit.record(SETUP, "installation.add", f"identity.installation:{row.pk}", {}, now)
    verify(inbox=inbox, graph=graph, keys=keys)


def verify(*, inbox: UUID, graph: UUID, keys: Keys) -> None:
    """Raise Foreign when a store or key is not the recorded one, naming it and what to do."""
    verify_keys(keys)
    verify_inbox(inbox)
    verify_graph(graph)


def verify_keys(keys: Keys) -> None:
    """Raise Foreign when a key is not the one that this database's data were written with."""
    row = _row()
    _compare("identifier key", keys.fingerprint("identifier"), row.identifier_key)
    _compare("vault key", keys.fingerprint("vault"), row.vault_key)


def verify_inbox(inbox: UUID) -> None:
    """Raise Foreign when the inbox is not this database's."""
    _compare("inbox", inbox, _row().inbox)


def verify_graph(graph: UUID) -> None:
    """Raise Foreign when the graph store is not this database's."""
    _compare("graph store", graph, _row().graph)


def _row() -> Installation:
    row = Installation.objects.filter(pk=ROW).first()
    if row is None:
        raise Foreign("the Django database knows no installation: run `manage.py setup`")
    if row.moving:
        raise Foreign(
            f"this installation is moving to {row.moving}, or has moved there: `manage.py move_store` finishes it and says"
            " which variables to set; with --give-up it stays as it is here"
        )
    return row


def moving() -> str:
    """Return where to the installation is moving, or has moved; "" when it stays. Raises Foreign when there is none."""
    found = Installation.objects.filter(pk=ROW).values_list("moving", flat=True).first()
    if found is None:
        raise Foreign("the Django database knows no installation: run `manage.py setup`")
    return found


def move(target: str) -> None:
    """Note where to the installation moves; "" gives it up, or ends it."""
    Installation.objects.filter(pk=ROW).update(moving=target)


def _compare(name: str, found: object, recorded: object) -> None:
    if found != recorded:
        raise Foreign(
            f"the {name} {found} is not this installation's ({recorded}):"
            " restore the one that belongs to this database, or restore all from one backup"
        )
