"""The port of the graph store: touchpoints, identifiers and links.

Back ends pass one contract suite (tests/identity/graph). No SQL, Cypher or driver type crosses. Errors: `StoreAway` when the
store does not answer (the lane waits), `GraphMissing` when it was never made, or cannot be, `StoreRefuses` when it says that the data is at fault (the lane halves the batch),
`LaneSuperseded` when a newer lane has raised the epoch, or another graph was put in the place of this one.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from identity.clock import Instant
from identity.graph.contents import Contents
from identity.graph.policy import DEFAULT, Policy
from identity.graph.recording import Standing
from identity.graph.types import (
    Block,
    Detached,
    Doubts,
    Hub,
    Neighbourhood,
    Recorded,
    Swept,
    Turned,
)
from identity.touchpoints.types import Identifier, Touchpoint


class StoreAway(Exception):
    """The graph store does not answer; nothing is lost, the lane tries again."""


class StoreRefuses(Exception):
    """The graph store refuses this data; the touchpoint is set aside when it fails alone."""


class LaneSuperseded(Exception):
    """Another lane has taken over; this process must end."""


class GraphMissing(Exception):
    """The graph store was never made, was emptied, or cannot be made where something else is; the text says what to do."""


class SchemaMissing(GraphMissing):
    """The store lacks constraints or indexes, which `manage.py setup_graph` makes."""


class GraphStore(ABC):
    """Touchpoints and links, wherever they live.

    `batch`: how many touchpoints it takes best at once. `shows_members`: whether people look into it, and find profiles there.
    `patience`: how many times as long as usual an answer may take. The lane raises it, up to `most_patience`, while the store does
    not answer: what is only slow gets through in the end.
    """

    batch = 500
    shows_members = False
    patience = 1
    most_patience = 1
    _policy: Policy = DEFAULT

    def be_patient(self) -> None:
        """Wait for each answer as long as a lane may in the end: for who works with the store without one, whose patience nobody raises."""
        self.patience = self.most_patience

    def go_by(self, policy: Policy) -> None:
        """Tell hubs by this policy from now on. The lane says before each batch and command which one is in force."""
        self._policy = policy

    @abstractmethod
    def make(self, uuid: UUID | None = None) -> UUID:
        """Make what the store needs (constraints, its uuid: this one, or any) unless it is there; return the uuid. Safe to run again.

        A store that others may use too raises GraphMissing when it has another uuid than this, or holds something else.
        """

    @abstractmethod
    def uuid(self) -> UUID:
        """Return the uuid that the store was given when it was made. Raises GraphMissing."""

    @abstractmethod
    def raise_epoch(self, epoch: int) -> None:
        """Make `epoch` the present one. Raises LaneSuperseded when a higher one is stored."""

    @abstractmethod
    def record(
        self, touchpoints: Sequence[Touchpoint], *, epoch: int, contested: Collection[Identifier]
    ) -> Recorded:
        """Store the touchpoints, their identifiers and links in one transaction that first compares the epoch.

        Ids are distinct within the batch. Only touchpoints new to the store raise link counts. Neighbourhoods are returned for
        every identifier of the batch that is new, got a new link (first recorded under a number of this batch, so that a
        retry returns them again), changed its quarantine, or is `contested`: in a neighbourhood where the policy refused a
        link before, so that a newer `last_seen` alone can move it.
        """

    @abstractmethod
    def neighbourhoods(self, identifiers: Collection[Identifier]) -> Sequence[Neighbourhood]:
        """Return the neighbourhoods that hold these identifiers, each once. Unknown identifiers are passed over."""

    @abstractmethod
    def set_aside(
        self, touchpoint_ids: Sequence[str], *, epoch: int, aside: bool
    ) -> Sequence[Neighbourhood]:
        """Take the touchpoints' evidence out (or back in) without forgetting them; return what may have changed by it.

        Done twice, it returns the same twice. An identifier that no touchpoint vouches for any more comes as a neighbourhood
        of its own.
        """

    @abstractmethod
    def decide(self, standing: Standing, *, epoch: int) -> Sequence[Neighbourhood]:
        """Let exactly these decisions of people stand about these pairs (none: an empty collection); return what may have changed by it.

        No end is a household. An end that was never seen is remembered for the day it comes. Done twice, it returns the same twice.
        """

    @abstractmethod
    def forget_source(self, source: int, *, after: int, limit: int, epoch: int) -> Swept:
        """Take what this source brought out of the evidence, for good: a slice of up to `limit` touchpoints above number `after`.

        Its links go; its touchpoints stay stored with their owners, but are no evidence. Done twice, a slice returns the same twice.
        """

    @abstractmethod
    def forget(self, identifier: Identifier, *, after: str, limit: int, epoch: int) -> Detached:
        """Let this identifier take part in nothing any more, for good: a slice of up to `limit` of those it is linked with, behind `after`.

        From the first slice on (`after` is "") it leads nowhere. Its links stay stored. Done twice, a slice returns the same twice.
        """

    @abstractmethod
    def carrying(
        self, identifiers: Collection[Identifier], *, after: int = 0, limit: int
    ) -> Sequence[Touchpoint]:
        """Return touchpoints that are evidence for these identifiers, or that they own, by number, above `after`.

        Those set aside are among them.
        """

    @abstractmethod
    def erase(
        self, touchpoint_ids: Sequence[str], identifiers: Collection[Identifier], *, epoch: int
    ) -> None:
        """Delete the touchpoints that these identifiers own, or nobody; those that somebody else owns lose these identifiers.

        Done twice, it changes nothing more. The links of these identifiers stay until `unlink`.
        """

    @abstractmethod
    def unnamed(self, identifiers: Collection[Identifier]) -> Sequence[Identifier]:
        """Return those of the identifiers that no touchpoint carries or belongs to; those that are not stored are among them."""

    @abstractmethod
    def silence(self, identifiers: Collection[Identifier], *, epoch: int) -> Sequence[Identifier]:
        """Let these identifiers lead nowhere from now on, as `forget` does; return those that are stored.

        Their links stay, and whoever is around them is not looked at before `unlink`.
        """

    @abstractmethod
    def linked(
        self, identifiers: Collection[Identifier], *, limit: int
    ) -> Sequence[tuple[Identifier, Identifier]]:
        """Return up to `limit` pairs, of one of these identifiers and another, that evidence links or people decided about."""

    @abstractmethod
    def unlink(
        self,
        pairs: Collection[tuple[Identifier, Identifier]],
        around: Collection[Identifier],
        *,
        epoch: int,
    ) -> None:
        """Delete all links between the two of each pair, and what was decided about them; add up again what is known of those `around`."""

    @abstractmethod
    def drop(
        self,
        identifiers: Collection[Identifier],
        others: Collection[Identifier],
        *,
        epoch: int,
    ) -> Sequence[Identifier]:
        """Delete these identifiers, whose links went before; and of the `others` those that no touchpoint names any more.

        Return the others that are not in the store: a lane that died in it is told the same again.
        """

    @abstractmethod
    def timeline(
        self,
        identifiers: Collection[Identifier],
        *,
        before: tuple[Instant, str] | None,
        limit: int,
    ) -> Sequence[Touchpoint]:
        """Return the touchpoints owned by these identifiers, newest first by (at, id), below `before`."""

    @abstractmethod
    def unowned(self, source: int, *, before: int | None, limit: int) -> Sequence[Touchpoint]:
        """Return the source's touchpoints that were refused as evidence, highest number first, below number `before`.

        They have no owner and count for no profile; those set aside are not among them.
        """

    @abstractmethod
    def hubs(self, *, after: str, limit: int) -> Sequence[Hub]:
        """Return the quarantined identifiers in the order of their keys, above the key `after`; forgotten ones are not among them."""

    @abstractmethod
    def around(self, hub: Identifier, *, limit: int) -> Neighbourhood:
        """Return a hub with up to `limit` of its links, those seen last, and who is at their other ends; without a node when it is unknown.

        For people who look at it: `neighbourhoods` returns a hub without any. Links with a household are not among them.
        """

    @abstractmethod
    def scan(self, *, after: int, limit: int) -> Sequence[Touchpoint]:
        """Return touchpoints recorded under numbers above `after`, in their order; without those set aside."""

    def walk(self, *, size: int) -> Iterator[Sequence[Neighbourhood]]:
        """Yield every neighbourhood once, in blocks of about `size` identifiers, memory bounded by the largest neighbourhood.

        A hub is in each neighbourhood that it touches, and may come by itself too.
        """
        after = ""
        while (block := self.block(after=after, size=size)) is not None:
            yield block.neighbourhoods
            after = block.after

    @abstractmethod
    def block(
        self, *, after: str, size: int, released: Collection[Identifier] = ()
    ) -> Block | None:
        """Return the neighbourhoods of one step of a walk, behind `after` ("" at the beginning); None when that was all.

        `released`: hubs that are taken for none, to see what their neighbourhoods would be.
        """

    @abstractmethod
    def turn(self, *, after: str, limit: int, epoch: int) -> Turned:
        """Look again, behind `after`, which of `limit` identifiers are hubs by the policy that it goes by, and write what differs.

        Return all whose answer that policy turned, with those around them, who may be very many. Done twice, it returns the same twice.
        """

    @abstractmethod
    def miscounted(self, doubts: Doubts) -> Doubts:
        """Return those that are stored otherwise than the touchpoints say, and write nothing. What is not stored is passed over.

        No lane writes meanwhile, so nothing that it was about to write is taken for a miscount.
        """

    @abstractmethod
    def recount(self, doubts: Doubts, *, epoch: int) -> Sequence[Identifier]:
        """Write these afresh from the touchpoints; return whose neighbourhoods may have changed. What is not stored is passed over, and nothing made.

        Done twice, it returns the same twice. An identifier that no touchpoint vouches for is kept, as `forget_source` keeps it.
        """

    @abstractmethod
    def recarry(self, numbers: Collection[int], *, epoch: int) -> None:
        """Write afresh which identifiers the touchpoints of these numbers carry, and whose they are.

        An identifier that is not stored is made, and kept without evidence until it is added up again. Done twice, it changes nothing more.
        """

    @abstractmethod
    def contents(self) -> Contents:
        """Return everything that is stored, row by row: to be copied elsewhere, or added up."""

    def show_members(self, members: Mapping[Identifier, str], *, epoch: int) -> None:
        """Show that these identifiers belong to the profiles of these ids, to people who look into the store; nothing reads it.

        Only where `shows_members`. Raises LaneSuperseded.
        """
        raise NotImplementedError
