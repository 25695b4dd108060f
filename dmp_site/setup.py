"""Makes an installation, or finds that it is made: keys, tables, stores, roles, the first login. Safe to run again."""

import secrets
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from activation.pressure import weights
from dmp_site import roles
from dmp_site.moving import checkpoints
from identity import graph
from identity.clock import Instant
from identity.privacy import audit
from identity.privacy.keys import Keys, KeysMissing, make_keys, require_keys
from identity.profiles.policies import services as identity_policies
from identity.touchpoints import inbox, installation, sources
from identity.touchpoints.models import Installation


def ensure(now: Instant, *, lane_looks: bool = False) -> list[str]:
    """Bring the installation into its working state; return what a person should read (the first login, once).

    `lane_looks`: a lane starts next, and looks itself whose graph there is; it waits for one that is away.
    Raises KeysMissing when there is data without its key file, Foreign, ForeignInbox or GraphMissing when a store or key is another's,
    StoreAway when the graph store does not answer.
    """
    said = [] if settings.KEYS_FILE.exists() else [_make_keys()]
    keys = require_keys(settings.KEYS_FILE)
    _refuse_foreign(keys)
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    if _recorded() is None:
        _join_stores(keys, now)
    else:
        _verify(keys, lane_looks=lane_looks)
    sources.internal(now)
    roles.ensure()
    weights.seed()
    identity_policies.seed(now)
    return said + _first_login(now)


def prepare_graph() -> None:
    """Make the constraints and indexes of the graph store. Raises Foreign or GraphMissing when the graph is not the one that was recorded.

    It never gets a uuid here: an emptied graph with a new one would be refused for good.
    """
    store = graph.store()
    recorded, contents = _recorded(), store.contents()
    if recorded is not None and (mark := contents.mark()) is not None:
        installation.verify_graph(mark.uuid)
    contents.prepare()
    if recorded is not None:
        store.uuid()


def pending() -> int:
    """Return how many migrations wait for `ensure`. Raises django.db.Error when the database cannot be asked."""
    plans = (_plan(MigrationExecutor(connections[alias])) for alias in settings.DATABASES)
    return sum(len(plan) for plan in plans)


def _plan(executor: MigrationExecutor) -> list[Any]:
    return executor.migration_plan(executor.loader.graph.leaf_nodes())


def _make_keys() -> str:
    """Make the key file, never beside data: their PII would be unreadable for ever."""
    if _holds_data():
        raise KeysMissing(
            f"{settings.KEYS_FILE} is missing, but there is data that it belongs to: restore the key file from its backup"
            " (FILROUGE_KEYS_FILE says where it lives)"
        )
    make_keys(settings.KEYS_FILE)
    return f"Made the keys of this installation in {settings.KEYS_FILE}: keep a copy of the file, apart from the data."


def _holds_data() -> bool:
    inbox_file = settings.INBOX["OPTIONS"].get("path")
    if inbox_file is not None and Path(inbox_file).exists():
        return True
    return _recorded() is not None


def _recorded() -> Installation | None:
    """Return the installation's row, None also when there are no tables yet."""
    if Installation._meta.db_table not in connection.introspection.table_names():  # noqa: SLF001
        return None
    try:
        return Installation.objects.filter(pk=installation.ROW).first()
    except DatabaseError:  # a table of an older schema
        return None


def _refuse_foreign(keys: Keys) -> None:
    """Refuse before anything is migrated or made."""
    if checkpoints.unfinished():
        raise installation.Foreign(
            "a move into this database is not finished: `manage.py move_store` goes on with it"
        )
    if _recorded() is not None:
        installation.verify_keys(keys)
        installation.verify_inbox(inbox.reader().uuid())
        inbox.reader().check()


def _join_stores(keys: Keys, now: Instant) -> None:
    made = inbox.make()
    store = graph.store().make(_graph_beside(made))
    installation.register(inbox=made, graph=store, keys=keys, now=now)


def _verify(keys: Keys, *, lane_looks: bool) -> None:
    installation.verify_keys(keys)
    installation.verify_inbox(inbox.reader().uuid())
    if not lane_looks:
        installation.verify_graph(graph.store().uuid())


def _graph_beside(made: UUID) -> UUID:
    """Return the uuid of the graph that goes with this inbox.

    As it follows from what is kept already, a set-up that was killed before it recorded the two knows its graph in a shared store.
    """
    return uuid5(made, "graph")


def _first_login(now: Instant) -> list[str]:
    """Make the first person who may sign in, unless there is somebody."""
    with transaction.atomic():
        if User.objects.exists():
            return []
        name = settings.ADMIN_USER
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
        user = User.objects.create_superuser(name, password=password)
        user.groups.add(Group.objects.get(name="admin"))
        audit.record(installation.SETUP, "user.add", f"auth.user:{user.pk}", {"first": True}, now)
    shown = "the password of FILROUGE_ADMIN_PASSWORD" if settings.ADMIN_PASSWORD else password
    return [f"Login      {name} / {shown}"]
