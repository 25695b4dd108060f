"""Fills the graph store of an installation on SQLite with random people, and stores who is who, past the lane.

    python -m benchmarks.inside benchmarks.people.filling LINKS
People arrive all mixed: the identifiers of one are far apart in the tables, as after a year of touchpoints. The rows are staged without
an index and then written in the order of their arrival.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from django.db import connection, transaction

from benchmarks.people.families import SOURCE, START, Family, families, neighbourhood
from identity.graph import policies
from identity.graph.policy import Policy
from identity.profiles.assignment import uids_of
from identity.profiles.moves import wanted
from identity.sql import execute
from identity.touchpoints.types import Identifier

_BLOCK = 5_000  # neighbourhoods worked out at once
_PRIME = 2_654_435_761
_FAST = ("PRAGMA cache_size=-4000000", "PRAGMA synchronous=OFF")  # what random keys need
_STAGES = {
    "made_identifier": "number, key, namespace, kind, priority, profile, contested, policy",
    "made_profile": "number, uid, founder",
    "made_link": "number, a, b, seen",
}
_WRITE = (
    (
        "INSERT INTO identity_graphidentifier (id, key, kind, first_number, degree, quarantined)"
        " SELECT number, key, kind, number, 0, 0 FROM made_identifier ORDER BY number"
    ),
    (
        "INSERT INTO identity_graphlink"
        " (a, b, source, first_seen, last_seen, count, same, strength, conducts, first_number)"
        f" SELECT a, b, {SOURCE}, seen, seen, 1, 0, 1.0, 1, number FROM made_link ORDER BY number"
    ),
    (
        "INSERT INTO identity_profile (id, uid, founder, created_at)"
        f" SELECT number, uid, founder, {START} FROM made_profile ORDER BY number"
    ),
    (
        "INSERT INTO identity_identifier"
        " (key, namespace, kind, priority, first_number, profile_id, contested, policy)"
        " SELECT key, namespace, kind, priority, number, profile, contested, policy"
        " FROM made_identifier ORDER BY number"
    ),
)


def main(links: str) -> None:
    for pragma in _FAST:
        execute(pragma)
    fill(int(links))
    execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(links: int) -> None:
    """Write so many links in one transaction."""
    policy, numbers = policies.current(), _arrivals(2 * links + 10_000)
    drawn = families(links)
    with transaction.atomic():
        for name, columns in _STAGES.items():
            execute(f"CREATE TEMP TABLE {name} ({columns})")
        while block := list(islice(drawn, _BLOCK)):
            _stage(block, numbers, policy)
        for statement in _WRITE:
            execute(statement)
        for name in _STAGES:
            execute(f"DROP TABLE {name}")


def _arrivals(most: int) -> Iterator[int]:
    """Yield different numbers, each far from the one before: multiples of a prime, modulo less than that prime."""
    return (1 + each * _PRIME % most for each in range(most))


def _stage(block: Sequence[Family], numbers: Iterator[int], policy: Policy) -> None:
    """Work out who is who by the pure functions, and put the rows where they are sorted."""
    number: dict[Identifier, int] = {}
    made = []
    for family in block:
        own = [next(numbers) for _ in family.identifiers]
        number.update(zip(family.identifiers, own, strict=True))
        made.append(neighbourhood(family, own))
    targets = wanted(made, policy).targets
    founders = {target.founder for target in targets.values()}
    _insert(
        "made_profile",
        [
            (number[founder], uid, founder.key)
            for founder, uid in zip(founders, uids_of(founders), strict=True)
        ],
    )
    _insert(
        "made_identifier",
        [
            (
                target.first_number,
                each.key,
                each.namespace,
                policy[each.namespace].kind.value,
                policy[each.namespace].priority,
                number[target.founder],
                target.contested,
                target.policy,
            )
            for each, target in targets.items()
        ],
    )
    links = [link for each in made for link in each.links]
    ends = [(number[link.a], number[link.b], link.last_seen) for link in links]
    _insert("made_link", [(max(a, b), a, b, seen) for a, b, seen in ends])


def _insert(table: str, rows: Sequence[Sequence[int | str]]) -> None:
    places = ", ".join("%s" for _ in _STAGES[table].split(","))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
