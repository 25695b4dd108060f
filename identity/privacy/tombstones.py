"""What is left of an erased person: enough to know their identifiers again, and too little to name one.

Each is the HMAC-SHA256 of an identifier's key ("namespace:value"), or of "profile:<id>", under a key of the installation's own for
that. See docs/decisions/0013-what-an-erasure-leaves.md.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from django.conf import settings

from identity.clock import Instant
from identity.privacy import registers
from identity.privacy.keys import keys_at
from identity.privacy.types import Barred, Said
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Mode, Touchpoint

_SAID_BY = "tombstone"


@dataclass(frozen=True, slots=True)
class Sifted:
    """A batch's touchpoints: `taken`, and those `refused` since they are of the time before an erasure.

    `returning`: identifiers of `taken` that were erased once; somebody new has them.
    """

    taken: Sequence[Touchpoint]
    refused: Sequence[Touchpoint]
    returning: frozenset[Identifier]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An objection that outlives an erasure: a channel that is barred for a `reason`, or a `purpose` that was refused on it."""

    channel: str
    at: Instant
    reason: str = ""
    purpose: str = ""


def digest(key: str) -> str:
    """Return what is stored of a key."""
    return _digest(keys_at(settings.KEYS_FILE).tombstone, key)


def profile_key(uid: str) -> str:
    """Return the key under which the id of a profile is kept."""
    return f"profile:{uid}"


@lru_cache(maxsize=50_000)
def _digest(secret: bytes, key: str) -> str:
    return hmac.digest(secret, key.encode(), hashlib.sha256).hex()


# --- What comes in ------------------------------------------------------------------------------------------------------


def sift(touchpoints: Sequence[Touchpoint]) -> Sifted:
    """Take out what carries an identifier that was erased since. Two statements at most, whatever the number of touchpoints."""
    erased = _erased({each for one in touchpoints for each in one.identifiers})
    if not erased:
        return Sifted(touchpoints, (), frozenset())
    refused = [one for one in touchpoints if _is_of_before(one, erased)]
    gone = {one.id for one in refused}
    taken = [one for one in touchpoints if one.id not in gone]
    back = {each for one in taken for each in one.identifiers if each in erased}
    return Sifted(taken, refused, frozenset(back))


def _is_of_before(touchpoint: Touchpoint, erased: dict[Identifier, Instant | None]) -> bool:
    """Tell whether it may tell of the time before; of the past without a time it always may."""
    whenever = touchpoint.mode is Mode.HISTORY and touchpoint.undated
    for identifier in touchpoint.identifiers:
        if identifier in erased:
            at = erased[identifier]
            if at is None or whenever or min(touchpoint.at, touchpoint.received_at) <= at:
                return True
    return False


def _erased(identifiers: Collection[Identifier]) -> dict[Identifier, Instant | None]:
    """Return which of these were erased, and when; None: they are being erased."""
    if not identifiers or not fetch("SELECT 1 FROM identity_tombstone LIMIT 1"):
        return {}
    names = {digest(each.key): each for each in identifiers}
    return {names[found]: at for found, at, _ in _stored(names)}


def _stored(digests: Iterable[str]) -> list[tuple[str, Instant | None, int]]:
    given = Rows("given", digest="text")
    return fetch(
        f"SELECT t.digest, t.erased_at, t.generation FROM {given}"
        " JOIN identity_tombstone AS t ON t.digest = given.digest",
        given.of((each,) for each in digests),
    )


def generations(keys: Collection[str]) -> dict[str, int]:
    """Return how often each of these was erased; who never was is left out."""
    if not keys or not fetch("SELECT 1 FROM identity_tombstone LIMIT 1"):
        return {}
    names = {digest(key): key for key in keys}
    return {names[found]: generation for found, _, generation in _stored(names)}


def buries(uid: str) -> bool:
    """Tell whether the profile of this id was erased."""
    return bool(_stored([digest(profile_key(uid))]))


def remind(returning: Collection[Identifier], now: Instant) -> None:
    """Let the objections that were kept hold again for who comes back, once: from then on they are theirs. In the caller's transaction."""
    if not returning:
        return
    names = {digest(each.key): each.key for each in returning}
    given = Rows("given", digest="text")
    found = fetch(
        f"SELECT t.digest, t.kept FROM {given} JOIN identity_tombstone AS t ON t.digest = given.digest WHERE t.kept <> '[]'",
        given.of((each,) for each in names),
    )
    words = [(names[each], one) for each, kept in found for one in _kept(kept)]
    registers.keep_suppressions(_barred(key, one, now) for key, one in words if one.reason)
    registers.keep_consent(_said(key, one, now) for key, one in words if one.purpose)
    if found:
        execute(
            f"UPDATE identity_tombstone SET kept = '[]' WHERE digest IN (SELECT digest FROM {given})",
            given.of((each,) for each, _ in found),
        )


def _kept(text: str) -> list[Kept]:
    return msgspec.json.decode(text, type=list[Kept])


def _barred(key: str, one: Kept, now: Instant) -> Barred:
    return Barred(key, one.channel, one.reason, True, one.at, now, "", _SAID_BY)  # noqa: FBT003 - a row


def _said(key: str, one: Kept, now: Instant) -> Said:
    return Said(key, one.purpose, one.channel, False, one.at, now, "", _SAID_BY)  # noqa: FBT003 - a row


# --- Setting them -------------------------------------------------------------------------------------------------------


def place(keys: Collection[str], erasure: int) -> None:
    """Set a tombstone for each key, one generation on; from now on whatever carries one is refused. In the caller's transaction.

    Doing it again for the same erasure changes nothing.
    """
    rows = Rows("given", digest="text", kept="text")
    execute(
        "INSERT INTO identity_tombstone (digest, generation, kept, erasure_id)"
        f" SELECT digest, 1, kept, %s FROM {rows} WHERE true"
        " ON CONFLICT (digest) DO UPDATE SET erased_at = NULL, generation = identity_tombstone.generation + 1,"
        " kept = CASE WHEN excluded.kept = '[]' THEN identity_tombstone.kept ELSE excluded.kept END,"
        " erasure_id = excluded.erasure_id WHERE identity_tombstone.erasure_id <> excluded.erasure_id",
        [erasure, *rows.of((digest(key), _objections(key)) for key in sorted(keys))],
    )


def _objections(key: str) -> str:
    barred = fetch(
        "SELECT channel, at, reason FROM identity_suppression WHERE identifier = %s AND active ORDER BY 1, 3",
        [key],
    )
    refused = fetch(
        "SELECT channel, at, purpose FROM identity_consent WHERE identifier = %s AND NOT granted ORDER BY 1, 3",
        [key],
    )
    found = [Kept(channel, at, reason=reason) for channel, at, reason in barred]
    found += [Kept(channel, at, purpose=purpose) for channel, at, purpose in refused]
    return msgspec.json.encode(found).decode()


def close(erasure: int, now: Instant) -> int:
    """Say when these people were erased: what happens later is somebody new's. Return how many tombstones there are."""
    return execute(
        "UPDATE identity_tombstone SET erased_at = %s WHERE erasure_id = %s AND erased_at IS NULL",
        [now, erasure],
    )
