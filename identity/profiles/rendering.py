"""How profiles read as JSON: what the REST API answers and what an export writes."""

from typing import Any

from identity import clock
from identity.clock import Instant
from identity.graph.types import Link
from identity.profiles import money
from identity.profiles.explain import Explanation, Refusal
from identity.profiles.orders import Order
from identity.profiles.portrait import (
    Bar,
    ClearField,
    Contacts,
    Member,
    Portrait,
    Span,
    TraitValue,
    Word,
)
from identity.profiles.selectors import Move
from identity.profiles.totals import Totals
from identity.profiles.undecided import Undecided
from identity.touchpoints.types import Identifier, Touchpoint


def time(instant: Instant | None) -> str | None:
    """Write an instant as ISO 8601 in UTC, None for one that never was."""
    if not instant:
        return None
    return clock.to_datetime(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def portrait(one: Portrait, merged_into: str | None = None) -> dict[str, Any]:
    """Write a profile, clear personal data left out; of very many identifiers those that a list shows."""
    listed = {each.key for each in one.listed}
    return {
        "id": one.facts.uid,
        "merged_into": merged_into,
        "first_seen": time(one.facts.first_seen),
        "last_seen": time(one.facts.last_seen),
        "time_zone": one.facts.time_zone,
        "identifier_count": len(one.members),
        "identifiers": [identifier(each) for each in one.listed],
        "traits": {each.name: _trait(each) for each in one.traits},
        "personal": [_personal(each) for each in one.clear if each.identifier in listed],
        "contacts": [_contacts(each) for each in one.contacts],
        "visits": {"count": one.visits, "latest": [_visit(each) for each in one.latest_visits]},
        "orders": {
            "count": one.account.orders,
            "revenue": revenue(one.account.revenue),
            "latest": [order(order_id, each) for order_id, each in one.latest_orders],
        },
        "consent": [_word(each) for each in one.consent],
        "suppressions": [_bar(each) for each in one.bars],
    }


def _trait(one: TraitValue) -> dict[str, Any]:
    return {"value": one.value, "at": time(one.at), "source": one.source}


def _personal(one: ClearField) -> dict[str, Any]:
    return {"identifier": one.identifier, "field": one.field, "at": time(one.at)}


def _contacts(one: Contacts) -> dict[str, Any]:
    return {
        "direction": one.direction,
        "channel": one.channel,
        "class": one.message_class,
        "event": one.event,
        "count": one.times,
        "first_at": time(one.first_at),
        "last_at": time(one.last_at),
    }


def _visit(one: Span) -> dict[str, Any]:
    return {
        "started_at": time(one.started_at),
        "ended_at": time(one.ended_at),
        "touchpoints": one.touchpoints,
    }


def _word(one: Word) -> dict[str, Any]:
    return {
        "purpose": one.purpose,
        "channel": one.channel,
        "granted": one.granted,
        "at": time(one.at),
        "said_by": one.said_by,
    }


def _bar(one: Bar) -> dict[str, Any]:
    return {
        "identifier": one.identifier,
        "channel": one.channel,
        "reason": one.reason,
        "since": time(one.since),
        "said_by": one.said_by,
    }


def revenue(accounts: Any) -> dict[str, str]:
    """Write minor units per currency as sums: {"USD": "12.34"}."""
    return {code: str(money.major(units, code)) for code, units in sorted(accounts.items())}


def order(order_id: str, one: Order) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "currency": one.currency,
        "amount": str(money.major(one.amount, one.currency)),
        "net": str(money.major(one.net, one.currency)),
        "foreign_refunds": revenue(one.foreign),
        "cancelled": one.cancelled,
        "placed_at": time(one.placed_at),
    }


def identifier(one: Member) -> dict[str, Any]:
    return {
        "key": one.key,
        "namespace": one.namespace,
        "kind": one.kind,
        "value": one.value,
        "first_at": time(one.first_at),
        "last_at": time(one.last_at),
    }


def touchpoint(one: Touchpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": time(one.at),
        "received_at": time(one.received_at),
        "source": one.source,
        "type": one.type,
        "event": one.event,
        "direction": one.direction.value,
        "channel": one.channel,
        "class": one.message_class,
        "identifiers": [each.key for each in one.identifiers],
        "traits": one.traits,
        "properties": one.properties,
        "context": one.context,
    }


def link(one: Link) -> dict[str, Any]:
    return {
        "between": _pair(one.a, one.b),
        "source": one.source,
        "first_seen": time(one.first_seen),
        "last_seen": time(one.last_seen),
        "count": one.count,
        "strength": one.strength,
    }


def refusal(one: Refusal) -> dict[str, Any]:
    return {
        "between": _pair(one.link.a, one.link.b),
        "reason": one.link.reason,
        "evidence": [link(each) for each in one.evidence],
    }


def explanation(one: Explanation) -> dict[str, Any]:
    return {
        "together": one.together,
        "chain": [
            {
                "between": _pair(step.a, step.b),
                "evidence": [link(each) for each in step.evidence],
                "refused": step.refused,
                "decision": step.decision.number if step.decision else None,
            }
            for step in one.chain
        ],
    }


def move(one: Move) -> dict[str, Any]:
    return {
        "at": time(one.at),
        "kind": one.kind,
        "from": one.origin,
        "to": one.target,
        "identifiers": [each.key for each in one.identifiers],
        "evidence": one.evidence,
        "occasion": {"doing": one.occasion.doing.value, "number": one.occasion.number},
    }


def undecided(one: Undecided) -> dict[str, Any]:
    crowd = one.crowd
    too_large = crowd and {
        "links": crowd.links,
        "identifiers": crowd.identifiers,
        "since": time(crowd.found_at),
        "waiting": crowd.waiting.touchpoints,
        "oldest": time(crowd.waiting.oldest),
    }
    return {"profile": one.uid, "identifiers": list(one.identifiers), "too_large": too_large}


def totals(one: Totals) -> dict[str, Any]:
    return {
        "profiles": one.profiles,
        "identifiers": one.identifiers,
        "orders": one.account.orders,
        "revenue": revenue(one.account.revenue),
        "contacts": one.contacts,
        "visits": one.visits,
        "events": [
            {
                "event": each.event,
                "direction": each.direction,
                "channel": each.channel,
                "count": each.count,
            }
            for each in one.events
        ],
    }


def _pair(a: Identifier, b: Identifier) -> list[str]:
    return [a.key, b.key]
