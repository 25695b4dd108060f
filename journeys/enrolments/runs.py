"""Enrolments as the lane works on them: loaded, changed and written a batch at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from identity.clock import Instant
from identity.profiles.types import Facts
from identity.sql import Rows, execute, fetch
from journeys.enrolments.models import State
from journeys.types import Place

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Place).decode
_REASON = 300


@dataclass(slots=True)
class Run:
    """One enrolment in hand. `profile` is the owner's profile now; `rival_profile` that of the run it was suspended for."""

    id: int
    journey: int
    version: int
    owner: int
    profile: int
    key: str
    place: Place
    entered_at: Instant
    trigger: int = 0
    state: str = State.ACTIVE.value
    reason: str = ""
    rival: int | None = None
    rival_profile: int | None = None
    goal_until: Instant | None = None
    wake_at: Instant | None = None
    holdout: bool = False

    @property
    def watching(self) -> bool:
        """Whether something can still happen: it is not over, or its goal may yet be reached."""
        return self.state != State.DONE or self.goal_until is not None


def whose(person: Facts, own: int) -> int:
    """Return the owner of what is done for somebody: the strongest identifier of the person, else the one that entered."""
    return own if person.anonymous else person.strongest


_COLUMNS = (
    'e.id, e.journey_id, e.version_id, e.owner_id, p.profile, e."key", e.place, e.entered_at, e."trigger",'
    " e.state, e.reason, e.rival, ri.profile_id, e.goal_until, e.wake_at, e.holdout"
)
_RIVAL = (
    " LEFT JOIN journeys_enrolment AS r ON r.id = e.rival"
    " LEFT JOIN identity_identifier AS ri ON ri.id = r.owner_id"
)


def of_people(people: Mapping[int, Facts]) -> list[Run]:
    """Load every run of these people in which something can still happen, in the order of their ids."""
    owners = Rows("p", owner="bigint", profile="bigint")
    rows = fetch(
        f"SELECT {_COLUMNS} FROM {owners}"
        f" JOIN journeys_enrolment AS e ON e.owner_id = p.owner{_RIVAL}"
        " WHERE e.watching ORDER BY e.id",
        owners.of((owner, facts.profile) for facts in people.values() for owner in facts.owners),
    )
    return [_run(row) for row in rows]


def by_id(ids: Iterable[int]) -> list[Run]:
    """Load runs by their ids, in that order."""
    wanted = Rows("w", id="bigint")
    profile = "(SELECT i.id, i.profile_id AS profile FROM identity_identifier AS i)"
    rows = fetch(
        f"SELECT {_COLUMNS} FROM {wanted} JOIN journeys_enrolment AS e ON e.id = w.id"
        f" JOIN {profile} AS p ON p.id = e.owner_id{_RIVAL} ORDER BY e.id",
        wanted.of((id_,) for id_ in sorted(set(ids))),
    )
    return [_run(row) for row in rows]


def _run(row: Sequence[Any]) -> Run:
    (id_, journey, version, owner, profile, key, place, entered_at, trigger, *rest) = row
    state, reason, rival, rival_profile, goal_until, wake_at, holdout = rest
    return Run(
        id=id_,
        journey=journey,
        version=version,
        owner=owner,
        profile=profile,
        key=key,
        place=_decode(place),
        entered_at=entered_at,
        trigger=trigger,
        state=state,
        reason=reason,
        rival=rival,
        rival_profile=rival_profile,
        goal_until=goal_until,
        wake_at=wake_at,
        holdout=bool(holdout),
    )


def insert(runs: Collection[Run], now: Instant) -> None:
    """Store new runs and give them their ids."""
    if not runs:
        return
    rows = Rows(
        "n",
        position="bigint",
        journey="bigint",
        version="bigint",
        owner="bigint",
        key="text",
        node="text",
        place="text",
        entered_at="bigint",
        trigger="bigint",
        state="text",
        reason="text",
        goal_until="bigint",
        watching="boolean",
        holdout="boolean",
        now="bigint",
    )
    stored = fetch(
        'INSERT INTO journeys_enrolment (journey_id, version_id, owner_id, "key", node, place, entered_at, "trigger",'
        " state, reason, goal_until, watching, holdout, changed_at)"
        ' SELECT journey, version, owner, n."key", node, place, entered_at, n."trigger", state, reason, goal_until,'
        f" watching, holdout, now FROM {rows} ORDER BY position"
        ' RETURNING id, journey_id, owner_id, "key"',
        rows.of(_new(position, run, now) for position, run in enumerate(runs)),
    )
    ids = {(journey, owner, key): id_ for id_, journey, owner, key in stored}
    for run in runs:
        run.id = ids[run.journey, run.owner, run.key]


def _new(position: int, run: Run, now: Instant) -> tuple[Any, ...]:
    return (
        position,
        run.journey,
        run.version,
        run.owner,
        run.key,
        run.place.node,
        _encode(run.place).decode(),
        run.entered_at,
        run.trigger,
        run.state,
        run.reason,
        run.goal_until,
        run.watching,
        run.holdout,
        now,
    )


def save(runs: Collection[Run], now: Instant) -> None:
    """Write what changed."""
    if not runs:
        return
    rows = Rows(
        "u",
        id="bigint",
        version="bigint",
        node="text",
        wake_at="bigint",
        place="text",
        state="text",
        reason="text",
        rival="bigint",
        converted_at="bigint",
        goal_until="bigint",
        watching="boolean",
        now="bigint",
    )
    execute(
        "UPDATE journeys_enrolment SET version_id = u.version, node = u.node, wake_at = u.wake_at, place = u.place,"
        " state = u.state, reason = u.reason, rival = u.rival, converted_at = u.converted_at, goal_until = u.goal_until,"
        f" watching = u.watching, changed_at = u.now FROM {rows} WHERE journeys_enrolment.id = u.id",
        rows.of(_changed(run, now) for run in runs),
    )


def _changed(run: Run, now: Instant) -> tuple[Any, ...]:
    return (
        run.id,
        run.version,
        run.place.node,
        run.wake_at if run.state == State.ACTIVE else None,
        _encode(run.place).decode(),
        run.state,
        run.reason[:_REASON],
        run.rival,
        run.place.converted_at,
        run.goal_until,
        run.watching,
        now,
    )


class Line(msgspec.Struct, frozen=True):
    """A line of the timeline, to be written."""

    enrolment: int
    node: str
    visit: int
    port: str
    reason: str


def write(lines: Collection[Line], now: Instant) -> None:
    """Add lines to timelines, in their order."""
    if not lines:
        return
    rows = Rows(
        "s",
        position="bigint",
        enrolment="bigint",
        at="bigint",
        node="text",
        visit="bigint",
        port="text",
        reason="text",
    )
    execute(
        "INSERT INTO journeys_step (enrolment_id, at, node, visit, port, reason)"
        f" SELECT enrolment, at, node, visit, port, reason FROM {rows} ORDER BY position",
        rows.of(
            (
                position,
                line.enrolment,
                now,
                line.node,
                line.visit,
                line.port,
                line.reason[:_REASON],
            )
            for position, line in enumerate(lines)
        ),
    )
