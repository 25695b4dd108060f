"""What came out of the road, as one hash per subject: the same for everybody who did the same work.

Row ids are taken out (a yardstick may insert in another order); what a row is about stands in their place.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from identity.sql import fetch

_OWNER = "JOIN identity_identifier AS i ON i.id = t.owner_id"
_SUBJECTS: Mapping[str, str] = {
    "touchpoints": "SELECT t.number, t.uid, n.key, t.at, t.body FROM identity_graphtouchpoint AS t"
    " LEFT JOIN identity_graphidentifier AS n ON n.id = t.owner",
    "links": "SELECT a.key, b.key, t.source, t.first_seen, t.last_seen, t.count, a.degree, b.degree"
    " FROM identity_graphlink AS t JOIN identity_graphidentifier AS a ON a.id = t.a"
    " JOIN identity_graphidentifier AS b ON b.id = t.b",
    "partition": "SELECT i.key, i.first_number, i.contested, p.uid FROM identity_identifier AS i"
    " JOIN identity_profile AS p ON p.id = i.profile_id",
    "moves": "SELECT o.uid, p.uid, t.kind, t.at, t.identifiers FROM identity_profilemove AS t"
    " JOIN identity_profile AS o ON o.id = t.origin_id JOIN identity_profile AS p ON p.id = t.target_id",
    "traits": f"SELECT i.key, t.name, t.value, t.at, t.touchpoint FROM identity_trait AS t {_OWNER}",
    "counters": "SELECT i.key, t.direction, t.channel, t.message_class, t.event, t.count, t.first_at, t.last_at"
    f" FROM identity_contactcount AS t {_OWNER}",
    "presence": f"SELECT i.key, t.first_at, t.last_at FROM identity_seen AS t {_OWNER}",
    "visits": f"SELECT i.key, t.started_at, t.ended_at, t.touchpoints FROM identity_visit AS t {_OWNER}",
    "orders": "SELECT i.key, t.order_id, t.ticks, t.ticks_touchpoint, t.currency, t.refunds, t.placed_at, t.shared"
    f" FROM identity_order AS t {_OWNER}",
    "accounts": f"SELECT i.key, t.currency, t.orders, t.revenue FROM identity_ordertotal AS t {_OWNER}",
    "vault": "SELECT identifier, field, at, touchpoint FROM identity_vaultentry",
    "consent": "SELECT identifier, purpose, channel, granted, at, touchpoint FROM identity_consent",
    "matches": "SELECT i.key, p.key, t.touchpoint, t.at FROM activation_match AS t"
    f" JOIN activation_predicate AS p ON p.id = t.predicate_id {_OWNER}",
    "memberships": "SELECT p.uid, a.slug, t.since, t.cause FROM activation_membership AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id JOIN activation_audience AS a ON a.id = t.audience_id",
    "changes": "SELECT p.uid, a.slug, t.entered, t.at, t.cause FROM activation_membershiplog AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id JOIN activation_audience AS a ON a.id = t.audience_id",
    "sizes": "SELECT a.slug, t.size FROM activation_build AS t"
    " JOIN activation_audience AS a ON a.id = t.audience_id",
    "rechecks": "SELECT p.uid, t.due_at FROM activation_recheck AS t"
    " JOIN identity_profile AS p ON p.id = t.profile_id",
    "sightings": f"SELECT i.key, t.number, t.event, t.at, t.properties FROM journeys_sighting AS t {_OWNER}",
    "enrolments": "SELECT i.key, t.version_id, t.key, t.node, t.state, t.reason, t.wake_at, t.entered_at, t.trigger,"
    f" t.converted_at, t.goal_until, t.watching FROM journeys_enrolment AS t {_OWNER} WHERE t.rival IS NULL",
    "steps": "SELECT i.key, e.version_id, s.at, s.node, s.visit, s.port FROM journeys_step AS s"
    " JOIN journeys_enrolment AS e ON e.id = s.enrolment_id JOIN identity_identifier AS i ON i.id = e.owner_id",
    "decisions": "SELECT i.key, t.channel, t.journey, t.at, t.passed, t.reason, t.earliest, t.points, t.winner,"
    f" t.uses, t.audiences FROM activation_decision AS t {_OWNER}",
    "intents": f"SELECT i.key, t.channel, t.journey, t.asked_at FROM activation_intent AS t {_OWNER}",
    "ledger": "SELECT i.key, t.sequence, t.channel, t.journey, t.node, t.effective_at, t.points, t.counts, t.seen"
    f" FROM activation_ledgerrow AS t {_OWNER}",
    "deliveries": "SELECT i.key, a.key, t.channel, t.template_id, t.journey, t.node, t.occurrence, t.due_at, t.status,"
    " t.held, t.reserved_for, t.when_capped, t.quiet, t.zone FROM activation_delivery AS t JOIN identity_identifier AS i ON i.id = t.owner_id"
    " LEFT JOIN identity_identifier AS a ON a.id = t.address_id",
}


def digest() -> dict[str, str]:
    """Return, by subject, how many rows there are and the hash of them all in a stable order."""
    return {subject: _hashed(sql) for subject, sql in _SUBJECTS.items()}


def _hashed(sql: str) -> str:
    lines = sorted(msgspec.json.encode(row) for row in fetch(sql))
    return f"{len(lines)} {hashlib.sha256(b''.join(lines)).hexdigest()[:16]}"
