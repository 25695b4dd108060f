"""What the touchpoints of a store say, added up beside what it holds, to find where the two may differ. No Django, no store.

The sums are in a database of SQLite that has no name and ends with the process, however that ends: memory is bounded by CACHE, nobody
else can read it, and no erasure has to reach it. It lies where SQLite keeps temporary files (SQLITE_TMPDIR, TMPDIR).
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from identity.graph.contents import Row, StoredIdentifier, StoredLink, StoredTouchpoint
from identity.graph.evidence import links
from identity.graph.policy import Kind, Policy
from identity.graph.recording import LinkKey
from identity.graph.types import FORGOTTEN, SOURCE_FORGOTTEN, UNVOUCHED, VERDICTS, VOID
from identity.touchpoints.types import Identifier, Touchpoint

CACHE = 64  # MiB

_LINK = ("first_seen", "last_seen", "count", "same", "strength", "conducts", "first_number")
_LINK_TABLE = f"(a, b, source, {', '.join(_LINK)}, PRIMARY KEY (a, b, source)) WITHOUT ROWID"
_TABLES = f"""
PRAGMA cache_size = -{CACHE * 1024};
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE said_link {_LINK_TABLE};
CREATE TABLE held_link {_LINK_TABLE};
CREATE TABLE said_node (key PRIMARY KEY, first_number) WITHOUT ROWID;
CREATE TABLE held_node
    (key PRIMARY KEY, first_number, degree, hub, person, household, forgotten) WITHOUT ROWID;
CREATE TABLE void (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE busy (key PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE ending (source PRIMARY KEY) WITHOUT ROWID;
"""
_SAY_LINK = f"""
INSERT INTO said_link VALUES ({", ".join("?" * (3 + len(_LINK)))})
ON CONFLICT (a, b, source) DO UPDATE SET
    first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen),
    count = count + excluded.count,
    same = max(same, excluded.same),
    strength = max(strength, excluded.strength),
    first_number = min(first_number, excluded.first_number)
"""
_HOLD_LINK = f"INSERT OR REPLACE INTO held_link VALUES ({', '.join('?' * (3 + len(_LINK)))})"
_SAY_NODE = """
INSERT INTO said_node VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET first_number = min(first_number, excluded.first_number)
"""
_HOLD_NODE = "INSERT OR REPLACE INTO held_node VALUES (?, ?, ?, ?, ?, ?, ?)"
# Around whom somebody is being forgotten or erased, both the degree with that one and the degree without may be stored.
_AROUND = """
CREATE TABLE {name}_around (key PRIMARY KEY, low, high) WITHOUT ROWID;
INSERT INTO {name}_around
SELECT pair.a, sum(NOT o.forgotten AND busy.key IS NULL), sum(NOT o.forgotten OR busy.key IS NOT NULL)
FROM (
    SELECT a, b FROM {name}_link UNION SELECT b, a FROM {name}_link EXCEPT SELECT a, b FROM void
) pair
JOIN held_node o ON o.key = pair.b AND o.person
LEFT JOIN busy ON busy.key = pair.b
GROUP BY pair.a;
"""
_EITHER = "held.a = said.a AND held.b = said.b AND held.source = said.source"
_SAME = " AND ".join(f"held.{name} IS said.{name}" for name in _LINK)
_LINKS = f"""
SELECT * FROM (
    SELECT said.a, said.b, said.source, CASE WHEN held.a IS NULL THEN 'lost' ELSE 'otherwise' END
    FROM said_link said LEFT JOIN held_link held ON {_EITHER} WHERE held.a IS NULL OR NOT ({_SAME})
    UNION ALL
    SELECT held.a, held.b, held.source, 'stray'
    FROM held_link held LEFT JOIN said_link said ON {_EITHER} WHERE said.a IS NULL
)
WHERE a NOT IN busy AND b NOT IN busy AND source NOT IN ending
"""
_NODES = """
SELECT held.key, said.first_number, held.first_number, held.degree, held.hub, held.household,
    coalesce(one.low, 0), coalesce(one.high, 0), coalesce(two.low, 0), coalesce(two.high, 0)
FROM held_node held
LEFT JOIN said_node said ON said.key = held.key
LEFT JOIN said_around one ON one.key = held.key
LEFT JOIN held_around two ON two.key = held.key
WHERE NOT held.forgotten AND held.key NOT IN busy
"""
_LOST = f"""
CREATE TABLE lost (key PRIMARY KEY, first_number) WITHOUT ROWID;
INSERT INTO lost SELECT said.key, said.first_number
FROM said_node said LEFT JOIN held_node held ON held.key = said.key
WHERE held.key IS NULL AND said.first_number < {UNVOUCHED} AND said.key NOT IN busy;
"""


class How(StrEnum):
    """How what is stored differs from what the touchpoints say."""

    LOST = "lost"
    STRAY = "stray"  # no touchpoint says it
    OTHERWISE = "otherwise"


class DoubtfulLink(NamedTuple):
    """A link that may be stored otherwise than the touchpoints say."""

    link: LinkKey
    how: How


class LostNode(NamedTuple):
    """An identifier that is not stored. `number`: of the first touchpoint that vouches for it."""

    identifier: Identifier
    number: int


class Tally:
    """The sums: show it all rows of a store, then ask for what is doubtful."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sums = sqlite3.connect("", isolation_level=None)
        self._sums.executescript(_TABLES)
        self._sums.execute("BEGIN")

    def close(self) -> None:
        """Let the file go."""
        self._sums.close()

    def show(self, rows: Iterable[Row]) -> None:
        """Take rows of a store in, of whatever part; each is shown once."""
        identifiers, touchpoints, found = [], [], []
        for row in rows:
            if isinstance(row, StoredIdentifier):
                identifiers.append(row)
            elif isinstance(row, StoredLink):
                found.append(row)
            elif not row.aside:
                touchpoints.append(row)
        self._hold_nodes(identifiers)
        self._hold_links(found)
        self._say([each.decoded() for each in touchpoints])

    def leave_out(self, identifiers: Collection[str], sources: Collection[int]) -> None:
        """Doubt nothing of identifiers, by their keys, and of sources that the lane is just forgetting: they are half gone."""
        self._many("INSERT OR IGNORE INTO busy VALUES (?)", [[key] for key in identifiers])
        self._many("INSERT OR IGNORE INTO ending VALUES (?)", [[each] for each in sources])

    def links(self) -> Iterator[DoubtfulLink]:
        """Yield the links that may be wrong."""
        for a, b, source, how in self._sums.execute(_LINKS):
            yield DoubtfulLink((Identifier.of(a), Identifier.of(b), source), How(how))

    def lost(self) -> Iterator[LostNode]:
        """Yield the identifiers that are not stored though touchpoints vouch for them."""
        self._sums.executescript(_LOST)
        for key, number in self._sums.execute("SELECT key, first_number FROM lost"):
            yield LostNode(Identifier.of(key), number)

    def nodes(self, *, hubs: bool) -> Iterator[Identifier]:
        """Yield the stored identifiers that may be wrong. `hubs`: also those that are hubs, or none, against the policy."""
        for name in ("said", "held"):
            self._sums.executescript(_AROUND.format(name=name))
        for key, said, held, degree, hub, household, *around in self._sums.execute(_NODES):
            identifier = Identifier.of(key)
            right = _agree(said, held)
            if right and not household:
                low, high, at_least, at_most = around
                right = low <= degree <= high or at_least <= degree <= at_most
                right &= not hubs or self._policy.is_hub(identifier, degree) == bool(hub)
            if not right:
                yield identifier

    def naming_lost(self, rows: Iterable[Row]) -> list[int]:
        """Return the numbers of those touchpoints that name an identifier which is not stored, once all of `lost` came."""
        named: dict[int, set[str]] = {}
        for row in rows:
            if isinstance(row, StoredTouchpoint):
                named[row.number] = {each.key for each in row.decoded().identifiers}
        asked = json.dumps(sorted(set().union(*named.values())))
        found = self._sums.execute(
            "SELECT value FROM json_each(?) WHERE value IN (SELECT key FROM lost)", [asked]
        )
        lost = {key for (key,) in found}
        return [number for number, keys in named.items() if not lost.isdisjoint(keys)]

    def _say(self, touchpoints: Sequence[Touchpoint]) -> None:
        first: dict[str, int] = {}
        for each in touchpoints:
            if each.refusal and each.refusal != SOURCE_FORGOTTEN:
                continue
            number = UNVOUCHED if each.refusal else each.number
            for identifier in each.identifiers:
                first[identifier.key] = min(number, first.get(identifier.key, number))
        self._many(_SAY_NODE, sorted(first.items()))
        self._many(
            _SAY_LINK,
            sorted(
                (
                    a.key,
                    b.key,
                    source,
                    found.first_seen,
                    found.last_seen,
                    found.count,
                    found.same,
                    found.strength,
                    not (self._policy.is_household(a) or self._policy.is_household(b)),
                    found.first_number,
                )
                for (a, b, source), found in links(touchpoints).items()
            ),
        )

    def _hold_nodes(self, rows: Iterable[StoredIdentifier]) -> None:
        values = []
        for row in rows:
            kind = self._policy[Identifier.of(row.key).namespace].kind
            values.append(
                (
                    row.key,
                    row.first_number,
                    row.degree,
                    row.quarantined,
                    kind is Kind.PERSON,
                    kind is Kind.HOUSEHOLD,
                    row.kind == FORGOTTEN,
                )
            )
        self._many(_HOLD_NODE, values)

    def _hold_links(self, rows: Collection[StoredLink]) -> None:
        self._many(_HOLD_LINK, [row for row in rows if row.source not in VERDICTS])
        void = [(row.a, row.b) for row in rows if row.source == VOID]
        both = [*void, *((b, a) for a, b in void)]
        self._many("INSERT OR IGNORE INTO void VALUES (?, ?)", both)

    def _many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._sums.executemany(sql, rows)


def _agree(said: int | None, held: int | None) -> bool:
    """Compare first numbers. A touchpoint that was set aside before or after its source was forgotten leaves no trace which it was."""
    if said is None or said == UNVOUCHED:
        return held is None or held == UNVOUCHED
    return held == said
