"""What people decide about who is who: asked by console and API, carried out by the lane, undone, and never forgotten.

The log is here; what stands of it is in the graph too, where it is read together with the evidence (docs/decisions/0012).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from identity.clock import Instant, from_datetime
from identity.errors import DomainError, NotFound
from identity.graph import policies, store
from identity.graph.contents import StoredLink
from identity.graph.partition import partition
from identity.graph.policy import Policy
from identity.graph.recording import Standing
from identity.graph.types import RESERVED, Decision, Verdict
from identity.privacy import audit, erasures
from identity.profiles import models
from identity.sql import Rows
from identity.touchpoints import commands
from identity.touchpoints.types import Identifier

# Lane commands: carry a decision out, take one back, have the graph know again what the log says.
DECIDE, UNDO, STAND = "profiles.decide", "profiles.undo", "profiles.stand"
KINDS = frozenset({DECIDE, UNDO, STAND})
SHOWN = 50  # decisions on the page of a profile
SLICE = 200  # pairs in one command

Keys = tuple[str, str]  # of the two identifiers of a decision, in their order


class Asked(NamedTuple):
    """Numbers of a decision in the log and of the command to the lane."""

    decision: int
    command: int


# --- Asking -------------------------------------------------------------------------------------------------------------


def ask(
    verdict: Verdict, one: Identifier, other: Identifier, *, why: str, actor: str, now: Instant
) -> Asked:
    """Write a decision into the log and ask the lane to carry it out. Raises DomainError, NotFound.

    `why`: for whoever reads the log, without personal data.
    """
    a, b = sorted((one, other))
    _require_two(a, b, policies.current())
    with transaction.atomic():
        _require_known(a, b)
        if _standing(a, b).filter(verdict=verdict).exists():
            raise DomainError("already_decided", _("That is decided about these two already."))
        row = models.Decision.objects.create(
            verdict=verdict, a=a.key, b=b.key, why=why, made_at=now, made_by=actor
        )
        audit.record(actor, f"identity.{verdict}", f"identity.decision:{row.pk}", {}, now)
        command = commands.enqueue(DECIDE, {"decision": row.pk}, actor, now)
    return Asked(row.pk, command)


def ask_undo(decision: int, *, actor: str, now: Instant) -> int:
    """Ask the lane to take a decision back; return the command's row id. Raises NotFound, DomainError when it was undone already."""
    with transaction.atomic():
        row = models.Decision.objects.filter(pk=decision).first()
        if row is None:
            raise NotFound("no_decision", _("There is no decision %(id)s.") % {"id": decision})
        if row.undone_at is not None:
            raise _undone(decision)
        audit.record(actor, "identity.undo", f"identity.decision:{decision}", {}, now)
        return commands.enqueue(UNDO, {"decision": decision, "by": actor}, actor, now)


def hand_over(actor: str, now: Instant, strays: Collection[Keys] = ()) -> int:
    """Ask the lane to have the graph know all that the log says; return how many commands that took.

    `strays`: pairs that the log may not name, and about which the graph may know something.
    """
    pairs = sorted({*models.Decision.objects.values_list("a", "b"), *strays})
    slices = range(0, len(pairs), SLICE)
    if not slices:
        return 0
    with transaction.atomic():
        for start in slices:
            said = {"pairs": pairs[start : start + SLICE]}
            last = commands.enqueue(STAND, said, actor, now)
        detail = {"pairs": len(pairs), "commands": len(slices)}
        audit.record(actor, STAND, f"identity.lanecommand:{last}", detail, now)
    return len(slices)


def _require_two(a: Identifier, b: Identifier, policy: Policy) -> None:
    if a == b:
        raise DomainError("same_identifier", _("These two are one identifier."), status=400)
    if policy.is_household(a) or policy.is_household(b):
        said = _("A household groups people and is none: nothing can be decided about it here.")
        raise DomainError("household", said, status=400)


def _require_known(*identifiers: Identifier) -> None:
    keys = {each.key for each in identifiers}
    known = models.Identifier.objects.filter(key__in=keys, forgotten=False)
    if known.count() != len(keys):
        raise NotFound("unknown_identifier", _("no profile has this identifier"))


def _undone(decision: int) -> DomainError:
    return DomainError("undone", _("Decision %(id)s was undone already.") % {"id": decision})


# --- Carried out by the lane --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What a command makes stand in the graph, and the decision that it takes into force or out of it (None: neither).

    `late`: somebody of the two was erased while it was being asked for; the log forgets it too.
    """

    standing: Standing
    decision: int | None = None
    undone_by: str | None = None
    late: bool = False


class _Payload(msgspec.Struct, frozen=True):
    decision: int | None = None
    by: str = ""
    pairs: list[Keys] = []


def change(kind: str, payload: Mapping[str, Any]) -> Change:
    """Read a command. Raises DomainError, NotFound."""
    asked = _read(payload)
    if kind == STAND:
        return Change(_standing_about(_left(asked.pairs)))
    row = models.Decision.objects.filter(pk=asked.decision or 0).first()
    if row is None:
        raise NotFound("no_decision", _("There is no decision %(id)s.") % {"id": asked.decision})
    if row.undone_at is not None:
        raise _undone(row.pk)
    if not _left([(row.a, row.b)]):
        raise NotFound("unknown_identifier", _("no profile has this identifier"))
    ends = {row.a, row.b}
    if models.Identifier.objects.filter(key__in=ends).count() != len(ends):
        return Change({}, row.pk, late=True)
    a, b = Identifier.of(row.a), Identifier.of(row.b)
    others = _standing(a, b).exclude(pk=row.pk)
    if kind == UNDO:
        return Change({(a, b): _stand(others)}, row.pk, undone_by=asked.by)
    return Change({(a, b): _stand([*others, row])}, row.pk)


def _left(pairs: Collection[Keys]) -> list[Keys]:
    """Leave out pairs of which an end is being erased: the graph would remember it anew."""
    gone = erasures.under_way({key for pair in pairs for key in pair})
    return [pair for pair in pairs if gone.isdisjoint(pair)]


def keep(change: Change, now: Instant) -> None:
    """Write what was carried out into the log, in the lane's transaction."""
    if change.decision is None:
        return
    row = models.Decision.objects.filter(pk=change.decision)
    if change.late:
        row.delete()
        audit.record("lane", "identity.too_late", f"identity.decision:{change.decision}", {}, now)
    elif change.undone_by is None:
        row.update(applied_at=now)
    else:
        row.update(undone_at=now, undone_by=change.undone_by)


def _standing(a: Identifier, b: Identifier) -> QuerySet[models.Decision]:
    return models.Decision.objects.filter(
        a=a.key, b=b.key, applied_at__isnull=False, undone_at=None
    ).order_by("pk")


def _standing_about(pairs: Collection[Keys]) -> Standing:
    """Return what stands about each of these pairs of keys."""
    found: dict[Keys, list[models.Decision]] = {pair: [] for pair in pairs}
    rows = models.Decision.objects.filter(
        a__in={a for a, _b in pairs}, applied_at__isnull=False, undone_at=None
    )
    for row in rows:
        if (row.a, row.b) in found:
            found[row.a, row.b].append(row)
    return {(Identifier.of(a), Identifier.of(b)): _stand(each) for (a, b), each in found.items()}


def _stand(rows: Iterable[models.Decision]) -> list[Decision]:
    """Return the newest of each verdict."""
    return list({row.verdict: value(row) for row in sorted(rows, key=lambda row: row.pk)}.values())


def _read(payload: Mapping[str, Any]) -> _Payload:
    try:
        return msgspec.convert(payload, _Payload)
    except msgspec.ValidationError as error:
        raise DomainError("bad_command", str(error)) from error


# --- Comparing ----------------------------------------------------------------------------------------------------------


def unlike(known: Iterable[StoredLink]) -> list[Keys]:
    """Return the pairs about which the graph knows otherwise than the log says, without those that are being erased.

    `known`: all that the graph knows of decisions (contents.Sums).
    """
    graph: dict[Keys, set[tuple[int, int, Instant]]] = defaultdict(set)
    for link in known:
        graph[link.a, link.b].add((link.source, link.first_number, link.last_seen))
    rows: dict[Keys, list[models.Decision]] = defaultdict(list)
    for row in listed("standing"):
        rows[row.a, row.b].append(row)
    log = {
        pair: {(RESERVED[each.verdict], each.number, each.at) for each in _stand(found)}
        for pair, found in rows.items()
    }
    return _left([pair for pair in graph.keys() | log.keys() if graph.get(pair) != log.get(pair)])


# --- Reading ------------------------------------------------------------------------------------------------------------


def value(row: models.Decision) -> Decision:
    """Return a row of the log as the partition takes it."""
    return Decision(
        Identifier.of(row.a),
        Identifier.of(row.b),
        Verdict(row.verdict),
        row.pk,
        from_datetime(row.made_at),
    )


def listed(state: str) -> QuerySet[models.Decision]:
    """Return the decisions in a state (see `state`), "" = all."""
    where = {
        "waiting": Q(applied_at=None, undone_at=None),
        "standing": Q(applied_at__isnull=False, undone_at=None),
        "undone": Q(undone_at__isnull=False),
    }
    return models.Decision.objects.filter(where.get(state, Q()))


def about(identifiers: Iterable[Identifier]) -> list[models.Decision]:
    """Return the latest decisions about any of these identifiers, the newest first."""
    given = Rows("given", key="text")
    mine = RawSQL(  # noqa: S611 - values are parameters
        " UNION ".join(
            f"SELECT d.id FROM {given} JOIN identity_decision AS d ON d.{end} = given.key"
            for end in ("a", "b")
        ),
        given.of([(each.key,) for each in identifiers]) * 2,
    )
    found = models.Decision.objects.filter(pk__in=mine)
    return list(found.order_by("-pk")[:SHOWN])


def state(row: models.Decision) -> str:
    """Say where a decision stands: waiting (for the lane), standing or undone."""
    if row.undone_at is not None:
        return "undone"
    return "waiting" if row.applied_at is None else "standing"


def overruled(rows: Iterable[models.Decision], *, policy: Policy | None = None) -> dict[int, str]:
    """Return why decisions do not hold at present, by number: a newer one or the policy speaks against them."""
    policy = policy or policies.current()
    ends = {
        Identifier.of(key) for row in rows if state(row) == "standing" for key in (row.a, row.b)
    }
    return {
        each.decision.number: each.reason
        for neighbourhood in store().neighbourhoods(ends)
        for each in partition(neighbourhood, policy).overruled
    }
