"""Comparing the whole graph with who is stored to be who. Memory is bounded by a block of the walk, and by what people decided."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from identity.clock import Instant
from identity.graph import policies
from identity.graph.contents import Digest, StoredLink
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood
from identity.privacy import audit
from identity.profiles import decisions, forgetting, models
from identity.profiles.assignment import places, uids_of
from identity.profiles.moves import Wanted, misplaced, wanted
from identity.profiles.resolve import REGROUP
from identity.touchpoints import commands
from identity.touchpoints.types import Identifier

SLICE = 500  # identifiers in one command to the lane


@dataclass(slots=True)
class Report:
    """What a walk found. `graph` and `stored` are equal exactly when every profile and id is as the evidence says.

    `neighbourhoods` does not count hubs. `differing`: identifiers that are stored otherwise than the evidence says, or not at all. `stray`: stored ones that the graph
    does not know. `decisions`: pairs about which the graph knows otherwise than the log of decisions says. `handed`: commands given to the lane.
    """

    neighbourhoods: int = 0
    profiles: int = 0
    differing: int = 0
    stray: int = 0
    decisions: int = 0
    handed: int = 0
    graph: Digest = field(default_factory=Digest)
    stored: Digest = field(default_factory=Digest)

    @property
    def agrees(self) -> bool:
        same = self.graph.total == self.stored.total
        return same and not self.differing and not self.decisions


def rebuild(
    graph: GraphStore,
    *,
    now: Instant | None,
    actor: str = "",
    size: int = 5_000,
    policy: Policy | None = None,
    decided: Iterable[StoredLink] | None = None,
    progress: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Walk the graph, partition it afresh and compare; hand what differs to the lane, which alone may move identifiers.

    With `now` None nothing is handed over. `policy`: the one in force unless another is given. `decided`: what people decided, as
    the graph knows it (contents.Sums), to compare it with the log.
    """
    unlike = [] if decided is None else decisions.unlike(decided)
    report = Report(decisions=len(unlike))
    policy = policy or policies.current()
    if now is not None:
        report.handed += decisions.hand_over(actor, now, unlike)
        report.handed += forgetting.hand_over(actor, now)
    hubs: set[Identifier] = set()
    for block in graph.walk(size=size):
        differing = _compare(wanted(block, policy), hubs, report)
        report.neighbourhoods += sum(not _is_lone_hub(each) for each in block)
        if now is not None:
            report.handed += _hand_over(differing, actor, now)
        hubs |= {node.identifier for each in block for node in each.nodes if node.quarantined}
        progress(report)
    report.stored = stored()
    report.stray += report.stored.count
    return report


def _is_lone_hub(neighbourhood: Neighbourhood) -> bool:
    return all(node.quarantined for node in neighbourhood.nodes)


def _compare(evidence: Wanted, hubs: set[Identifier], report: Report) -> list[Identifier]:
    """Add a block to the report; return what differs. A hub may be in many blocks and counts in the first."""
    for hub in hubs & evidence.targets.keys():
        del evidence.targets[hub]
    here = places(evidence.targets)
    founders = {target.founder for target in evidence.targets.values()}
    uids = dict(zip(founders, uids_of(founders), strict=True))
    for identifier, target in evidence.targets.items():
        report.graph.add(identifier.key, uids[target.founder])
    differing = misplaced(evidence, here)
    report.profiles += len(founders)
    report.differing += len(differing)
    report.stray -= len(here)
    return differing


def _hand_over(identifiers: Sequence[Identifier], actor: str, now: Instant) -> int:
    """Ask the lane to bring these where the evidence says; return how many commands that took."""
    slices = range(0, len(identifiers), SLICE)
    if not slices:
        return 0
    with transaction.atomic():
        for start in slices:
            keys = [each.key for each in identifiers[start : start + SLICE]]
            last = commands.enqueue(REGROUP, {"identifiers": keys}, actor, now)
        detail = {"identifiers": len(identifiers), "commands": len(slices)}
        audit.record(actor, REGROUP, f"identity.lanecommand:{last}", detail, now)
    return len(slices)


def stored() -> Digest:
    """Add up who is stored to be who: every identifier with the id of its profile."""
    digest = Digest()
    rows = models.Identifier.objects.filter(forgotten=False).values_list("key", "profile__uid")
    for key, uid in rows.iterator(chunk_size=5_000):
        digest.add(key, uid)
    return digest


def asked_for(payload: Mapping[str, object]) -> list[Identifier]:
    """Return the identifiers of a REGROUP command."""
    keys = payload.get("identifiers", [])
    return [Identifier.of(str(key)) for key in keys] if isinstance(keys, list) else []
