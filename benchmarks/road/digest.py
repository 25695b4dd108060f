"""What came out of the road, as one hash per subject: the same for everybody who did the same work, on whatever stores.

Row ids are taken out (sequences differ between stores, and a yardstick may insert in another order): what a row is about stands in
their place. Touchpoints and links are read through the port of the graph store.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from activation.deliveries.events import message_id
from identity import graph
from identity.graph.port import GraphStore
from identity.sql import fetch
from identity.touchpoints.decode import INTERNAL
from identity.touchpoints.models import Source
from identity.touchpoints.types import Touchpoint, touchpoint_id

_BLOCK = 2_000  # touchpoints, or identifiers, read at once
_OF_RUN = re.compile(
    r"(\d+)(:.+)", re.DOTALL
)  # the key of a message: "{enrolment}:{step}:{visit}"

_OWNER = "JOIN identity_identifier AS i ON i.id = t.owner_id"
_JOURNEY = "LEFT JOIN journeys_journey AS j ON j.id = t.journey"
_SUBJECTS: Mapping[str, str] = {
    "partition": "SELECT i.key, i.first_number, i.contested, p.uid, p.founder, p.created_at FROM identity_identifier AS i"
    " JOIN identity_profile AS p ON p.id = i.profile_id",
    "moves": "SELECT o.uid, p.uid, t.kind, t.at, t.identifiers, t.evidence FROM identity_profilemove AS t"
    " JOIN identity_profile AS o ON o.id = t.origin_id JOIN identity_profile AS p ON p.id = t.target_id",
    "traits": f"SELECT i.key, t.name, t.value, t.at, t.received_at, t.touchpoint FROM identity_trait AS t {_OWNER}",
    "counters": "SELECT i.key, t.direction, t.channel, t.message_class, t.event, t.count, t.first_at, t.last_at"
    f" FROM identity_contactcount AS t {_OWNER}",
    "presence": f"SELECT i.key, t.first_at, t.last_at FROM identity_seen AS t {_OWNER}",
    "visits": f"SELECT i.key, t.started_at, t.ended_at, t.touchpoints FROM identity_visit AS t {_OWNER}",
    "orders": "SELECT i.key, t.order_id, t.ticks, t.ticks_touchpoint, t.currency, t.refunds, t.placed_at, t.shared"
    f" FROM identity_order AS t {_OWNER}",
    "accounts": f"SELECT i.key, t.currency, t.orders, t.revenue FROM identity_ordertotal AS t {_OWNER}",
    "vault": "SELECT identifier, field, at, touchpoint FROM identity_vaultentry",
    "consent": "SELECT identifier, purpose, channel, granted, at, touchpoint FROM identity_consent",
    "suppressions": "SELECT identifier, channel, reason, active, at, touchpoint FROM identity_suppression",
    "set aside": "SELECT number, touchpoint, tries, state FROM identity_setaside",
    "matches": "SELECT i.key, p.key, t.touchpoint, t.at FROM activation_match AS t"
    f" JOIN activation_predicate AS p ON p.id = t.predicate_id {_OWNER}",
    "memberships": "SELECT p.uid, a.slug, t.since, t.cause FROM activation_membership AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id JOIN activation_audience AS a ON a.id = t.audience_id",
    "changes": "SELECT p.uid, a.slug, t.entered, t.at, t.cause, t.since, t.why FROM activation_membershiplog AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id JOIN activation_audience AS a ON a.id = t.audience_id",
    "sizes": "SELECT a.slug, t.size FROM activation_build AS t"
    " JOIN activation_audience AS a ON a.id = t.audience_id",
    "rechecks": "SELECT p.uid, t.due_at FROM activation_recheck AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id",
    "sightings": f"SELECT i.key, t.number, t.event, t.at, t.delivery, t.properties FROM journeys_sighting AS t {_OWNER}",
    "enrolments": "SELECT i.key, j.name, v.number, t.key, t.node, t.state, t.reason, t.wake_at, t.entered_at, t.trigger,"
    f" t.converted_at, t.goal_until, t.watching FROM journeys_enrolment AS t {_OWNER}"
    " JOIN journeys_journeyversion AS v ON v.id = t.version_id JOIN journeys_journey AS j ON j.id = t.journey_id"
    " WHERE t.rival IS NULL",
    "steps": "SELECT i.key, j.name, e.entered_at, e.trigger, s.at, s.node, s.visit, s.port FROM journeys_step AS s"
    " JOIN journeys_enrolment AS e ON e.id = s.enrolment_id JOIN journeys_journey AS j ON j.id = e.journey_id"
    " JOIN identity_identifier AS i ON i.id = e.owner_id",
    "decisions": "SELECT t.key, i.key, t.channel, j.name, t.at, t.passed, t.reason, t.earliest, t.points, t.winner,"
    f" t.uses, t.audiences FROM activation_decision AS t {_OWNER} {_JOURNEY}",
    "intents": f"SELECT t.key, i.key, t.channel, j.name, t.asked_at FROM activation_intent AS t {_OWNER} {_JOURNEY}",
    "ledger": "SELECT t.key, i.key, t.sequence, t.channel, j.name, t.node, t.status, t.reason, t.effective_at, t.points,"
    f" t.counts, t.seen FROM activation_ledgerrow AS t {_OWNER} {_JOURNEY}",
    "deliveries": "SELECT t.key, i.key, a.key, t.channel, m.name, j.name, t.node, t.occurrence, t.ledger_key, t.due_at,"
    " t.status, t.reason, t.held, t.reserved_for, t.when_capped, t.quiet, t.zone, t.tries, t.handed_at, t.settled_at, t.reported"
    f" FROM activation_delivery AS t {_OWNER} {_JOURNEY} JOIN activation_template AS m ON m.id = t.template_id"
    " LEFT JOIN identity_identifier AS a ON a.id = t.address_id",
    "delivery steps": "SELECT d.key, t.at, t.status, t.reason FROM activation_deliverystep AS t"
    " JOIN activation_delivery AS d ON d.id = t.delivery_id",
    "reactions": "SELECT d.key, t.touchpoint, t.kind, t.open_kind, t.at, t.url FROM activation_reaction AS t"
    " JOIN activation_delivery AS d ON d.id = t.delivery_id",
}


def digest() -> dict[str, str]:
    """Return, by subject, how many rows there are and the hash of them all in a stable order."""
    return hashed(lines())


def lines() -> dict[str, list[bytes]]:
    """Return, by subject, all rows as JSON in a stable order: where digests differ, to see what does."""
    return {subject: sorted(map(msgspec.json.encode, rows)) for subject, rows in _subjects()}


def hashed(found: Mapping[str, list[bytes]]) -> dict[str, str]:
    return {
        subject: f"{len(rows)} {hashlib.sha256(b''.join(rows)).hexdigest()[:16]}"
        for subject, rows in found.items()
    }


def _subjects() -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    names, store = Names(), graph.store()
    yield "touchpoints", _touchpoints(store, names)
    yield "identifiers", _identifiers(store)
    yield "links", _links(store, names)
    for subject, sql in _SUBJECTS.items():
        yield subject, (tuple(map(names.of, row)) for row in fetch(sql))


# --- The graph ---


def _touchpoints(store: GraphStore, names: "Names") -> Iterator[tuple[Any, ...]]:
    last = 0
    while block := store.scan(after=last, limit=_BLOCK):
        yield from (_said(each, names) for each in block)
        last = block[-1].number


def _said(touchpoint: Touchpoint, names: "Names") -> tuple[Any, ...]:
    own = touchpoint.context.get("filrouge") or {}
    return (
        names.of(touchpoint.id),
        names.sources[touchpoint.source],
        touchpoint.number,
        touchpoint.mode,
        touchpoint.event,
        touchpoint.at,
        touchpoint.received_at,
        touchpoint.owner.key if touchpoint.owner else "",
        touchpoint.refusal,
        [each.key for each in touchpoint.identifiers],
        msgspec.json.encode([touchpoint.traits, touchpoint.properties], order="deterministic"),
        names.of(own.get("delivery")),
    )


def _identifiers(store: GraphStore) -> Iterator[tuple[Any, ...]]:
    """Yield each node once: a hub comes with every neighbourhood that it touches."""
    seen = set()
    for block in store.walk(size=_BLOCK):
        for node in (node for each in block for node in each.nodes):
            if node.identifier not in seen:
                seen.add(node.identifier)
                yield node.identifier.key, node.first_number, node.quarantined


def _links(store: GraphStore, names: "Names") -> Iterator[tuple[Any, ...]]:
    seen = set()
    for block in store.walk(size=_BLOCK):
        for link in (link for each in block for link in each.links):
            if link not in seen:
                seen.add(link)
                source = names.sources[link.source]
                times = link.first_seen, link.last_seen
                yield link.a.key, link.b.key, source, *times, link.count, link.same, link.strength


# --- Names for row ids ---


class Names:
    """What stands for the row ids within texts: enrolments in the keys of messages, and the ids of touchpoints made of such keys."""

    def __init__(self) -> None:
        self.sources = dict(Source.objects.values_list("pk", "name"))
        self.runs = {
            str(row): "/".join(map(str, rest))
            for row, *rest in fetch(
                "SELECT t.id, j.name, i.key, t.key, t.trigger, t.entered_at FROM journeys_enrolment AS t"
                f" JOIN journeys_journey AS j ON j.id = t.journey_id {_OWNER}"
            )
        }
        own = Source.objects.filter(kind=INTERNAL).values_list("uuid", flat=True)
        self._names: dict[Any, Any] = {True: 1, False: 0}  # SQLite has no booleans
        for key in _keys():
            if found := _OF_RUN.fullmatch(key):
                name = self._names[key] = f"{self.runs[found[1]]}{found[2]}"
                for source in own:
                    uid = touchpoint_id(source, message_id("sent", key))
                    self._names[uid] = f"sent:{name}"
                    self._names[f"reported:{uid}"] = f"reported:sent:{name}"

    def of(self, value: Any) -> Any:
        return self._names.get(value, value)


def _keys() -> list[str]:
    tables = {
        "activation_decision": ("key",),
        "activation_intent": ("key",),
        "activation_ledgerrow": ("key",),
        "activation_delivery": ("key", "ledger_key"),
    }
    selects = [f"SELECT {column} FROM {name}" for name, each in tables.items() for column in each]
    return [key for (key,) in fetch(" UNION ".join(selects))]
