"""Moving the graph between the tables of PostgreSQL and Neo4j, through the stores' contents: page by page, loaded so that a page may come twice.

From the beginning until the end nothing works with the installation. The old place is emptied last: an old copy that stays behind
would be out of reach of every erasure, and could be taken for the graph again.
"""

import contextlib
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from dmp_site import addresses, trials
from dmp_site.moving.checkpoints import Checkpoints, resumable
from dmp_site.processes import running
from dmp_site.targets import require_empty
from identity import graph, postgres
from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.contents import Contents, Mark, Part, Sums, add_up
from identity.graph.port import GraphMissing, GraphStore
from identity.graph.sql_contents import SqlContents
from identity.graph.sql_store import SqlStore
from identity.privacy.keys import require_keys
from identity.profiles import forgetting, showing
from identity.profiles.policies import settling
from identity.touchpoints import installation

VARIABLE = "FILROUGE_MOVE_GRAPH_URL"
PAGE = 2_000
Progress = Callable[[str, int], None]


@resumable()
def move(progress: Progress, now: Instant) -> list[str]:
    """Take the graph from where it is to the other kind of store; return what a person should read. Raises DomainError, StoreAway."""
    target, name, variables = _target()
    source = graph.patient_store().contents()
    with _alone() as checkpoints:
        _begin(checkpoints, source, target, name)
        target.prepare()
        for part in Part:
            _copy(part, source, target, checkpoints, progress)
        if not checkpoints.done("verified"):
            _verify(source, target)
            checkpoints.note("verified", None, done=True)
        uuid, epoch = checkpoints.position("mark")
        target.adopt(Mark(uuid, epoch))
        source.clear()
        _show(target, now)
        for each in (forgetting, settling, trials):
            each.begin_again()
        with checkpoints.connection.transaction():
            checkpoints.connection.execute("UPDATE identity_installation SET moving = ''")
            checkpoints.end()
    return [f"The graph is in {name} now.", *variables]


@resumable()
def give_up() -> list[str]:
    """Let the installation go on with the graph where it is. Raises DomainError when that is too late."""
    with _alone() as checkpoints:
        if checkpoints.begun() and checkpoints.done("verified"):
            raise DomainError(
                "too_late",
                gettext(
                    "everything is copied and the old place may be emptied: call it again to finish"
                ),
            )
        with checkpoints.connection.transaction():
            checkpoints.connection.execute("UPDATE identity_installation SET moving = ''")
            checkpoints.end()
    return ["The graph stays where it is. What was copied is for you to delete."]


def _show(target: Contents, now: Instant) -> None:
    """Have who belongs to which profile shown in Neo4j by the lane; tables of SQL show nobody. Safe to run again."""
    if isinstance(target, SqlContents):
        showing.forget()
    else:
        showing.note_all(now)


def _target() -> tuple[Contents, str, list[str]]:
    """Return the store that the graph goes to, its name, and what is to be set afterwards."""
    if connection.vendor != "postgresql":
        raise DomainError(
            "not_postgresql",
            gettext(
                "Neo4j keeps the graph beside PostgreSQL: move the database first (manage.py move_store database)"
            ),
        )
    if not isinstance(graph.store(), SqlStore):
        tables = SqlStore().contents()
        return tables, "the tables of PostgreSQL", ["Take away:", "  FILROUGE_GRAPH_URL"]
    if not settings.MOVE_GRAPH_URL:
        raise DomainError(
            "no_target", gettext("say where to: set %(variable)s") % {"variable": VARIABLE}
        )
    found = addresses.neo4j(settings.MOVE_GRAPH_URL, settings.GRAPH_DATABASE, VARIABLE)
    store: GraphStore = import_string(found["BACKEND"])(**found["OPTIONS"])
    store.be_patient()
    return (
        store.contents(),
        f"Neo4j at {found['OPTIONS']['url']}",
        ["Set, to what " + VARIABLE + " says:", "  FILROUGE_GRAPH_URL"],
    )


_OTHERS = (
    "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'filrouge %' AND pid <> pg_backend_pid()"
)


@contextlib.contextmanager
def _alone() -> Iterator[Checkpoints]:
    """Let nothing of this host run, and no collector and no lane of another, standing by or not."""
    with (
        running.alone(settings.DATA_DIR),
        contextlib.closing(postgres.connect("filrouge move")) as opened,
    ):
        if found := opened.execute(_OTHERS).fetchone():
            raise DomainError(
                "running",
                gettext("%(name)s works with this database: stop it first") % {"name": found[0]},
            )
        yield Checkpoints(opened)


def _begin(checkpoints: Checkpoints, source: Contents, target: Contents, name: str) -> None:
    if not checkpoints.begun():
        mark = source.mark()
        installation.verify_keys(require_keys(settings.KEYS_FILE))
        installation.verify_graph(graph.store().uuid())
        if mark is None:
            raise GraphMissing(
                "the graph store was never made, or was emptied: there is nothing to move"
            )
        require_empty(target, name)
        # All or nothing: a move of which only the half was noted could neither be finished nor given up.
        with checkpoints.connection.transaction():
            checkpoints.begin(name)
            checkpoints.note("mark", [str(mark.uuid), mark.epoch])
            checkpoints.connection.execute("UPDATE identity_installation SET moving = %s", [name])
    checkpoints.begin(name)


def _copy(
    part: Part, source: Contents, target: Contents, checkpoints: Checkpoints, progress: Progress
) -> None:
    if checkpoints.done(part):
        return
    after, count = checkpoints.position(part) or ("", 0)
    for page in source.pages(part, after=after, size=PAGE):
        target.load(part, page.rows)
        after, count = page.after, count + len(page.rows)
        checkpoints.note(part, [after, count])
        progress(part, count)
    checkpoints.note(part, [after, count], done=True)


def _verify(source: Contents, target: Contents) -> None:
    here, there = add_up(source), add_up(target)
    if differing := here.differing(there):
        raise DomainError(
            "differs",
            gettext(
                "what was copied is not what is here (%(parts)s): give up, empty the target and begin again"
            )
            % {"parts": ", ".join(_compared(part, here, there) for part in differing)},
        )


def _compared(part: Part, here: Sums, there: Sums) -> str:
    return gettext("%(part)s: %(here)d here, %(there)d there") % {
        "part": part,
        "here": here.counts[part],
        "there": there.counts[part],
    }
