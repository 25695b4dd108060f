"""What journeys do besides sending: slots of the site, a person's own caps, audiences kept by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from activation.audiences import members
from activation.pressure import caps
from activation.pressure.types import PersonCap
from identity.profiles.types import Facts
from identity.sql import Rows, execute
from identity.touchpoints.types import BatchContext
from journeys.enrolments.runs import Run, whose
from journeys.types import AddToAudience, RemoveFromAudience, SetCap, SetSlot

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Effect:
    """A command of one run, for one person."""

    run: Run
    person: Facts
    priority: int
    command: SetSlot | SetCap | AddToAudience | RemoveFromAudience

    @property
    def owner(self) -> int:
        return whose(self.person, self.run.owner)


def carry_out(effects: Sequence[Effect], context: BatchContext) -> None:
    """Carry out what runs decided, each kind in a fixed number of statements; the last word on the same thing counts."""
    if not effects:
        return
    _set_slots(effects, context)
    caps.change([_cap(one) for one in effects if isinstance(one.command, SetCap)], context)
    _put(effects, context)


def _cap(effect: Effect) -> PersonCap:
    command = effect.command
    assert isinstance(command, SetCap)  # noqa: S101 - its caller chose it so
    return PersonCap(
        owner=effect.owner,
        channel=command.channel,
        limit=command.limit,
        window=command.window,
        until=command.until,
        origin=f"journey:{effect.run.journey}",
    )


def _put(effects: Sequence[Effect], context: BatchContext) -> None:
    """Put people into audiences and take them out; of the same person and audience the last word counts."""
    inside: dict[tuple[int, int], bool] = {}
    for effect in effects:
        if isinstance(effect.command, AddToAudience | RemoveFromAudience):
            spot = effect.owner, effect.command.audience
            inside[spot] = isinstance(effect.command, AddToAudience)
    added = [spot for spot, stays in inside.items() if stays]
    members.change(added, [spot for spot, stays in inside.items() if not stays], context)


def _set_slots(effects: Sequence[Effect], context: BatchContext) -> None:
    chosen: dict[tuple[int, str, int], tuple[Any, ...]] = {}
    cleared: dict[tuple[int, str, int], tuple[Any, ...]] = {}
    for effect in effects:
        if not isinstance(effect.command, SetSlot):
            continue
        command = effect.command
        spot = effect.owner, command.slot, effect.run.journey
        chosen.pop(spot, None)
        cleared[spot] = spot
        if command.content is not None:
            content = _encode(command.content).decode()
            chosen[spot] = (*spot, content, effect.priority, context.now, command.until)
    _clear_slots(list(cleared.values()))
    _store_slots(list(chosen.values()))


def _clear_slots(spots: Sequence[Sequence[Any]]) -> None:
    """Forget what the journey showed the person, whichever of their identifiers it was stored under."""
    if not spots:
        return
    rows = Rows("c", owner="bigint", slot="text", journey="bigint")
    execute(
        "DELETE FROM journeys_slot WHERE id IN ("
        f"SELECT s.id FROM {rows} JOIN identity_identifier AS o ON o.id = c.owner"
        " JOIN identity_identifier AS i ON i.profile_id = o.profile_id"
        " JOIN journeys_slot AS s"
        " ON s.owner_id = i.id AND s.slot = c.slot AND s.journey_id = c.journey)",
        rows.of(spots),
    )


def _store_slots(slots: Sequence[Sequence[Any]]) -> None:
    if not slots:
        return
    rows = Rows(
        "s",
        owner="bigint",
        slot="text",
        journey="bigint",
        content="text",
        priority="bigint",
        decided_at="bigint",
        until="bigint",
    )
    execute(
        "INSERT INTO journeys_slot (owner_id, slot, journey_id, content, priority, decided_at, until)"
        f" SELECT owner, slot, journey, content, priority, decided_at, until FROM {rows}",
        rows.of(slots),
    )
