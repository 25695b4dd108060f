"""Everything that the graph store on SQL holds, page by page. Pages follow the row ids."""

from collections.abc import Mapping, Sequence

from django.db import connection, transaction

from identity.graph.contents import (
    ROWS,
    Contents,
    Mark,
    Page,
    Part,
    Row,
    StoredIdentifier,
    StoredLink,
    StoredTouchpoint,
)
from identity.graph.evidence import carried_beside, vouches
from identity.graph.models import GraphMark
from identity.graph.sql_answers import MARK, answers
from identity.graph.sql_columns import IDENTIFIER, LINK, TOUCHPOINT, names
from identity.sql import Rows, execute, fetch

_TABLES = (
    "identity_graphcarries",
    "identity_graphlink",
    "identity_graphtouchpoint",
    "identity_graphidentifier",
)
_ALL = sorted(("identity_graphmark", *_TABLES))
_PAGES = {
    Part.IDENTIFIERS: (
        f"SELECT id, {names(IDENTIFIER)}"
        " FROM identity_graphidentifier WHERE id > %s ORDER BY id LIMIT %s"
    ),
    Part.TOUCHPOINTS: (
        f"SELECT number, {names(TOUCHPOINT)}"
        " FROM identity_graphtouchpoint WHERE number > %s ORDER BY number LIMIT %s"
    ),
    Part.LINKS: (
        f"SELECT link.id, a.key, b.key, {names(LINK, 'link')}"
        " FROM (SELECT * FROM identity_graphlink WHERE id > %s ORDER BY id LIMIT %s) link"
        " LEFT JOIN identity_graphidentifier a ON a.id = link.a"
        " LEFT JOIN identity_graphidentifier b ON b.id = link.b ORDER BY link.id"
    ),
}
_TYPES: Mapping[Part, Sequence[str]] = {
    Part.IDENTIFIERS: tuple(IDENTIFIER.values()),
    Part.TOUCHPOINTS: tuple(TOUCHPOINT.values()),
    Part.LINKS: ("text", "text", *LINK.values()),
}


class SqlContents(Contents):
    """The graph tables of Django's own database."""

    emptied_by = f"TRUNCATE {', '.join(_ALL)}"

    def page(self, part: Part, *, after: str, size: int) -> Page:
        while True:
            with answers():
                rows = fetch(_PAGES[part], [int(after or 0), size])
            if not rows:
                return Page((), after)
            after = str(rows[-1][0])
            # A link whose end was lost is none; a page may be full of them, and is not the last.
            if whole := [row[1:] for row in rows if None not in row[1:3]]:
                return Page([_row(part, row) for row in whole], after)

    def prepare(self) -> None:
        """Migrations have made the tables."""

    def load(self, part: Part, rows: Sequence[Row]) -> None:
        with answers(), transaction.atomic():
            _load_identifiers([row for row in rows if isinstance(row, StoredIdentifier)])
            _load_touchpoints([row for row in rows if isinstance(row, StoredTouchpoint)])
            _load_links([row for row in rows if isinstance(row, StoredLink)])

    def mark(self) -> Mark | None:
        with answers():
            row = GraphMark.objects.filter(pk=MARK).first()
        return None if row is None else Mark(row.uuid, row.epoch)

    def adopt(self, mark: Mark) -> None:
        with answers():
            GraphMark.objects.update_or_create(pk=MARK, defaults=mark._asdict())

    def clear(self) -> None:
        with answers(), transaction.atomic():
            GraphMark.objects.all().delete()
            if connection.vendor == "postgresql":
                execute(f"TRUNCATE {', '.join(_TABLES)}")
                return
            for table in _TABLES:
                execute(f"DELETE FROM {table}")

    def holds(self) -> Sequence[str]:
        with answers():
            return [table for table in _ALL if fetch(f"SELECT 1 FROM {table} LIMIT 1")]


def _row(part: Part, row: Sequence[object]) -> Row:
    """Return the row as the port has it: SQLite says 0 and 1 for no and yes."""
    return ROWS[part]._make(
        bool(value) if kind == "boolean" else value
        for kind, value in zip(_TYPES[part], row, strict=True)
    )


def _load_identifiers(rows: Sequence[StoredIdentifier]) -> None:
    if not rows:
        return
    given = Rows("given", **IDENTIFIER)
    execute(
        f"INSERT INTO identity_graphidentifier ({names(IDENTIFIER)})"
        f" SELECT {names(IDENTIFIER)} FROM {given} WHERE true ON CONFLICT (key) DO NOTHING",
        given.of(rows),
    )


def _load_touchpoints(rows: Sequence[StoredTouchpoint]) -> None:
    if not rows:
        return
    given = Rows("given", **TOUCHPOINT, owner="text", vouches="boolean")
    decoded = [row.decoded() for row in rows]
    execute(
        f"INSERT INTO identity_graphtouchpoint ({names(TOUCHPOINT)}, owner, vouches)"
        f" SELECT {names(TOUCHPOINT)}, node.id, vouches"
        f" FROM {given} LEFT JOIN identity_graphidentifier node ON node.key = given.owner"
        " WHERE true ON CONFLICT (number) DO NOTHING",
        given.of(
            [
                (*row, one.owner.key if one.owner else None, vouches(one))
                for row, one in zip(rows, decoded, strict=True)
            ]
        ),
    )
    carries = Rows("given", key="text", touchpoint="bigint")
    execute(
        "INSERT INTO identity_graphcarries (identifier, touchpoint)"
        f" SELECT node.id, given.touchpoint FROM {carries}"
        " JOIN identity_graphidentifier node ON node.key = given.key"
        " WHERE true ON CONFLICT (identifier, touchpoint) DO NOTHING",
        carries.of([(each.key, one.number) for one in decoded for each in carried_beside(one)]),
    )


def _load_links(rows: Sequence[StoredLink]) -> None:
    if not rows:
        return
    given = Rows("given", a="text", b="text", **LINK)
    execute(
        f"INSERT INTO identity_graphlink (a, b, {names(LINK)})"
        f" SELECT one.id, two.id, {names(LINK, 'given')}"
        f" FROM {given} JOIN identity_graphidentifier one ON one.key = given.a"
        " JOIN identity_graphidentifier two ON two.key = given.b"
        " WHERE true ON CONFLICT (a, b, source) DO NOTHING",
        given.of(rows),
    )
