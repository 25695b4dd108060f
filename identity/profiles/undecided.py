"""What the rules cannot decide: profiles that may be several people and have no id of a person, and crowds, which they do not look at in time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from identity.graph import policies, store
from identity.graph.policy import Kind, Policy
from identity.graph.types import Hub
from identity.pages import KeysetPage, after, cut, limit_of
from identity.profiles import crowds
from identity.profiles.crowds import Crowd
from identity.sql import Rows, fetch


@dataclass(frozen=True, slots=True)
class Undecided:
    """A profile (row id and public id), and the keys of what it is made of, the strongest first.

    With `crowd`: one profile of the crowd, and some of the keys of all.
    """

    row: int
    uid: str
    identifiers: tuple[str, ...]
    crowd: Crowd | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What the list is sorted by: crowds first."""
        return (1, self.row) if self.crowd is None else (0, self.crowd.id)


def undecided(query: Mapping[str, str], *, policy: Policy | None = None) -> KeysetPage[Undecided]:
    """Return a page of crowds, then of profiles that hold a cookie or device and several values of one kind of person, but none of a `max: 1`.

    Two mail addresses on one tablet, say: one person with two, or two people. Stage 2 marks such profiles, so that a page costs what is on
    it; those that a new policy makes so are listed once they are brought to it.
    """
    profiles, above = map(int, after(query, int, int) or (0, 0))
    limit = limit_of(query)
    rows = [] if profiles else _crowds(above, limit + 1)
    if len(rows) <= limit:
        above = above if profiles else 0
        rows += _rows(above, limit + 1 - len(rows), policy or policies.current())
    return cut(rows, limit=limit, key=lambda one: one.key)


def hubs(query: Mapping[str, str]) -> KeysetPage[Hub]:
    """Return a page of quarantined identifiers: they keep their links and join nobody. Raises StoreAway."""
    key = after(query, str)
    limit = limit_of(query)
    rows = store().hubs(after=str(key[0]) if key else "", limit=limit + 1)
    return cut(rows, limit=limit, key=lambda hub: [hub.identifier.key])


def _crowds(above: int, limit: int) -> list[Undecided]:
    return [Undecided(one.row, one.uid, one.keys, one) for one in crowds.listed(above, limit)]


def _rows(above: int, limit: int, policy: Policy) -> list[Undecided]:
    found: list[int] = []
    while len(found) < limit and (some := _candidates(above, limit)):
        found += _confirmed(some, policy)
        above = some[-1]
    return _told(found[:limit])


def _candidates(above: int, limit: int) -> list[int]:
    """Return profiles of which stage 2 said that they are; a policy that is being applied may say otherwise."""
    rows = fetch(
        "SELECT DISTINCT i.profile_id FROM identity_identifier AS i"
        " WHERE i.undecided AND i.profile_id > %s ORDER BY i.profile_id LIMIT %s",
        [above, limit],
    )
    return [row for (row,) in rows]


def _confirmed(profiles: Collection[int], policy: Policy) -> list[int]:
    """Return those of these profiles that are, in the order of their row ids."""
    ids = sorted(
        row.name for row in policy.namespaces.values() if row.kind is Kind.PERSON and row.max == 1
    )
    given, known = Rows("given", profile="bigint"), Rows("known", name="text")
    # More identifiers of persons than namespaces: some namespace has several.
    rows = fetch(
        f"SELECT i.profile_id FROM {given}"
        " JOIN identity_identifier AS i ON i.profile_id = given.profile AND NOT i.forgotten"
        f" LEFT JOIN {known} ON known.name = i.namespace GROUP BY i.profile_id"
        " HAVING COUNT(known.name) = 0"
        " AND COUNT(CASE WHEN i.kind IN ('cookie', 'device') THEN 1 END) > 0"
        " AND COUNT(CASE WHEN i.kind = 'person' THEN 1 END)"
        "   > COUNT(DISTINCT CASE WHEN i.kind = 'person' THEN i.namespace END)"
        " ORDER BY i.profile_id",
        [*given.of((row,) for row in profiles), *known.of((name,) for name in ids)],
    )
    return [row for (row,) in rows]


def _told(profiles: Collection[int]) -> list[Undecided]:
    given = Rows("given", profile="bigint")
    members: dict[int, tuple[str, list[str]]] = {}
    for row, uid, member in fetch(
        f"SELECT p.id, p.uid, i.key FROM {given} JOIN identity_profile AS p ON p.id = given.profile"
        " JOIN identity_identifier AS i ON i.profile_id = p.id AND NOT i.forgotten"
        " ORDER BY p.id, i.priority, i.key",
        given.of((row,) for row in profiles),
    ):
        members.setdefault(row, (uid, []))[1].append(member)
    return [Undecided(row, uid, tuple(keys)) for row, (uid, keys) in members.items()]
