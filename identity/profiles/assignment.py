"""Where each identifier is stored to be: which profile it belongs to, and the ids of profiles.

Each function is one statement, however many identifiers there are.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping

from django.conf import settings

from identity.clock import Instant
from identity.graph.policy import Policy
from identity.privacy import tombstones
from identity.privacy.keys import keys_at
from identity.profiles.moves import Place, Target
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier


def uids_of(founders: Iterable[Identifier]) -> list[str]:
    """Return the ids of the profiles that these identifiers found, in this installation; after an erasure they are others than before."""
    namespace = keys_at(settings.KEYS_FILE).profile_namespace
    keys = [founder.key for founder in founders]
    generations = tombstones.generations(keys)
    names = (f"{key}\0{generations[key]}" if key in generations else key for key in keys)
    return [str(uuid.uuid5(namespace, name)) for name in names]


def places(identifiers: Collection[Identifier]) -> dict[Identifier, Place]:
    """Read where these identifiers are stored to be."""
    if not identifiers:
        return {}
    given = Rows("given", key="text")
    names = _Names({each.key: each for each in identifiers})
    rows = fetch(
        "SELECT i.key, i.profile_id, p.founder, i.first_number, i.contested, i.policy, i.crowd, i.undecided"
        f" FROM {given} JOIN identity_identifier i ON i.key = given.key"
        " JOIN identity_profile p ON p.id = i.profile_id",
        given.of([(key,) for key in names]),
    )
    return {
        names[key]: Place(profile, names[founder], number, bool(flag), version, crowd, bool(doubt))
        for key, profile, founder, number, flag, version, crowd, doubt in rows
    }


class _Names(dict[str, Identifier]):
    """Identifiers by key, each made once."""

    def __missing__(self, key: str) -> Identifier:
        made = self[key] = Identifier.of(key)
        return made


def profiles(founders: Collection[Identifier], now: Instant) -> dict[Identifier, int]:
    """Return the row id of each founder's profile; one that was there before is found again."""
    if not founders:
        return {}
    given = Rows("given", uid="text", founder="text")
    names = {each.key: each for each in sorted(founders)}
    rows = fetch(
        "INSERT INTO identity_profile (uid, founder, created_at)"
        f" SELECT uid, founder, %s FROM {given} WHERE true"
        " ON CONFLICT (uid) DO UPDATE SET founder = excluded.founder RETURNING founder, id",
        [now, *given.of(list(zip(uids_of(names.values()), names, strict=True)))],
    )
    return {names[founder]: row for founder, row in rows}


def write(
    targets: Mapping[Identifier, Target], profiles: Mapping[Identifier, int], policy: Policy
) -> None:
    """Store where these identifiers belong. `profiles`: founder -> row id."""
    if not targets:
        return
    given = Rows(
        "given",
        key="text",
        namespace="text",
        kind="text",
        priority="bigint",
        first_number="bigint",
        profile_id="bigint",
        contested="boolean",
        policy="bigint",
        crowd="bigint",
        undecided="boolean",
    )
    rows = []
    for identifier, target in sorted(targets.items()):
        rules = policy[identifier.namespace]
        rows.append(
            (
                identifier.key,
                identifier.namespace,
                rules.kind.value,
                rules.priority,
                target.first_number,
                profiles[target.founder],
                target.contested,
                target.policy,
                target.crowd,
                target.undecided,
            )
        )
    execute(
        f"""
        INSERT INTO identity_identifier
            (key, namespace, kind, priority, first_number, profile_id, contested, policy, crowd, undecided)
        SELECT key, namespace, kind, priority, first_number, profile_id, contested, policy, crowd, undecided
        FROM {given} WHERE true
        ON CONFLICT (key) DO UPDATE SET
            priority = excluded.priority,
            policy = excluded.policy,
            first_number = excluded.first_number,
            profile_id = excluded.profile_id,
            contested = excluded.contested,
            crowd = excluded.crowd,
            undecided = excluded.undecided
        """,
        given.of(rows),
    )


def members(
    owners: Collection[Identifier | None], profiles: Collection[int]
) -> list[tuple[int, str, int]]:
    """Return (id, key, profile) of every identifier of these owners' profiles and of these profiles."""
    if not owners and not profiles:
        return []
    one, two = Rows("one", key="text"), Rows("two", id="bigint")
    return fetch(
        "SELECT id, key, profile_id FROM identity_identifier WHERE NOT forgotten AND profile_id IN ("
        f" SELECT owner.profile_id FROM {one}"
        " JOIN identity_identifier owner ON owner.key = one.key"
        f" UNION SELECT id FROM {two}) ORDER BY id",
        [
            *one.of([(owner.key,) for owner in owners if owner]),
            *two.of([(profile,) for profile in profiles]),
        ],
    )
