"""What journeys do besides sending: slots of the site, a person's own caps, audiences kept by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from identity.profiles.types import Facts
from identity.sql import Rows, execute
from identity.touchpoints.types import BatchContext
from journeys.enrolments.runs import Run
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
        return self.person.strongest or self.run.owner


def carry_out(effects: Sequence[Effect], context: BatchContext) -> None:
    """Carry out what runs decided, each kind in a fixed number of statements; the last word on the same thing counts."""
    _set_slots(effects, context)


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
