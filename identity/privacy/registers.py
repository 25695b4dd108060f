"""Keeps, per identifier, the newest word on each purpose and channel: a late touchpoint changes nothing that is newer."""

from collections.abc import Collection, Iterable

from identity.privacy import wishes
from identity.privacy.types import Barred, Said
from identity.sql import Rows, execute
from identity.touchpoints.types import Touchpoint

_TIMES = {"at": "bigint", "received_at": "bigint", "touchpoint": "text", "said_by": "text"}
_NEWER = (
    "(excluded.at, excluded.received_at, excluded.touchpoint) >= ({table}.at,"
    " {table}.received_at, {table}.touchpoint)"
)


def keep_wishes(touchpoints: Collection[Touchpoint]) -> None:
    """Store what these touchpoints allow and forbid; two statements."""
    keep_consent(word for one in touchpoints for word in wishes.said(one))
    keep_suppressions(word for one in touchpoints for word in wishes.barred(one))


def keep_consent(said: Iterable[Said]) -> None:
    """Store what was allowed and refused; one statement."""
    _keep("identity_consent", ("identifier", "purpose", "channel"), "granted", said)


def keep_suppressions(barred: Iterable[Barred]) -> None:
    """Store what was barred and lifted; one statement."""
    _keep("identity_suppression", ("identifier", "channel", "reason"), "active", barred)


def _keep(
    table: str, place: tuple[str, str, str], flag: str, words: Iterable[Said] | Iterable[Barred]
) -> None:
    newest = {word[:3]: word for word in sorted(words, key=lambda word: word[4:7])}
    if not newest:
        return
    rows = Rows("said", **dict.fromkeys(place, "text"), **{flag: "boolean"}, **_TIMES)
    names = ", ".join([*place, flag, *_TIMES])
    execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {rows} WHERE true"
        f" ON CONFLICT ({', '.join(place)}) DO UPDATE SET {flag} = excluded.{flag},"
        " at = excluded.at, received_at = excluded.received_at,"
        " touchpoint = excluded.touchpoint, said_by = excluded.said_by"
        f" WHERE {_NEWER.format(table=table)}",
        rows.of(newest.values()),
    )
