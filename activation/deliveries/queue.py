"""Stage 6: may this message go? Permission, then pressure; a yes is a ledger row and a delivery row, a no a stored decision.

Runs in the caller's transaction, in the lane alone. The number of statements does not depend on the number of requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from activation.channels import registry
from activation.channels.registry import Description
from activation.deliveries import permission
from activation.deliveries.handover import rules
from activation.deliveries.permission import Rules
from activation.deliveries.types import DeliveryStatus, Outcome, SendRequest, SendResult
from activation.pressure.refusals import refuse
from activation.pressure.reserve import reserve
from activation.pressure.types import Ask, Decision, Reason
from identity.profiles import facts
from identity.profiles.types import Facts
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import BatchContext


@dataclass(frozen=True, slots=True)
class _Known:
    """What one batch needs to judge its requests."""

    people: Mapping[int, Facts]
    channels: Mapping[str, Description]
    templates: Mapping[int, str]
    rules: Rules


def dispatch(
    requests: Sequence[SendRequest],
    context: BatchContext,
    people: Mapping[int, Facts] | None = None,
) -> list[SendResult]:
    """Decide on each request and queue what passes; results come in the order of the requests.

    `people`: what the batch knows of everybody, by row id of the profile; read here when it is not given.
    A key that was queued before is answered from its delivery and writes nothing.
    """
    queued = _queued({request.key for request in requests})
    fresh = list({one.key: one for one in requests if one.key not in queued}.values())
    results = dict(queued)
    if fresh:
        results |= _decide(fresh, _know(fresh, people), context)
    return [results[request.key] for request in requests]


def _decide(
    fresh: Sequence[SendRequest], known: _Known, context: BatchContext
) -> dict[str, SendResult]:
    asks = {one.key: _ask(one, known.people.get(one.profile)) for one in fresh}
    reasons = {one.key: reason for one in fresh if (reason := _refusal(one, known))}
    refused = refuse([(asks[key], reason) for key, reason in reasons.items()], context)
    wanted = [one for one in fresh if one.key not in reasons]
    decisions = {
        decision.key: decision for decision in reserve([asks[one.key] for one in wanted], context)
    }
    deliveries = _queue(
        [one for one in wanted if decisions[one.key].passed], decisions, known, context
    )
    return {
        one.key: SendResult(
            one.key, Outcome.UNREACHABLE, refused[one.key], reason=reasons[one.key]
        )
        if one.key in reasons
        else _result(one, decisions[one.key], deliveries.get(one.key))
        for one in fresh
    }


def _result(request: SendRequest, decision: Decision, delivery: int | None) -> SendResult:
    if decision.passed:
        return SendResult(request.key, Outcome.QUEUED, decision.id, delivery)
    retry_at = decision.earliest
    in_time = retry_at is not None and (
        request.give_up_at is None or retry_at <= request.give_up_at
    )
    # Night is no reason to lose a message: whatever the step does when capped, quiet hours only put it off.
    waits = decision.reason is Reason.QUIET or decision.when_capped == "defer"
    if waits and in_time:
        return SendResult(
            request.key, Outcome.DEFERRED, decision.id, retry_at=retry_at, reason=decision.reason
        )
    return SendResult(
        request.key,
        Outcome.CAPPED,
        decision.id,
        reason=decision.reason,
        when_capped=decision.when_capped,
    )


def _refusal(request: SendRequest, known: _Known) -> str:
    """Return why a request cannot be met whatever the pressure, "" when it can."""
    person = known.people.get(request.profile)
    channel = known.channels.get(request.channel)
    if person is None:
        return "no_profile"
    if channel is None or not channel.enabled:
        return "no_channel"
    if known.templates.get(request.template) != request.channel:
        return "no_template"
    no = permission.refusal(person, request.channel, request.message_class, known.rules)
    if (
        no is None
        and channel.addressed_by
        and not permission.address(person, channel.addressed_by)
    ):
        no = permission.No.NO_ADDRESS
    return no.value if no else ""


def _ask(request: SendRequest, person: Facts | None) -> Ask:
    return Ask(
        key=request.key,
        profile=request.profile,
        owner=request.owner,
        channel=request.channel,
        message_class=request.message_class,
        due_at=request.due_at,
        journey=request.journey,
        version=request.version,
        node=request.node,
        occurrence=request.occurrence,
        priority=request.priority,
        time_zone=(person.time_zone if person else "") or request.zone,
        quiet=request.quiet,
        when_capped=request.when_capped,
        give_up_at=request.give_up_at,
        urgent=request.urgent,
    )


# --- Reading and writing ---


def _know(requests: Sequence[SendRequest], people: Mapping[int, Facts] | None) -> _Known:
    templates = Rows("wanted", id="bigint")
    return _Known(
        people=facts.of({one.profile for one in requests}) if people is None else people,
        channels=registry.descriptions(),
        templates=dict(
            fetch(
                "SELECT t.id, t.channel FROM activation_template AS t"
                f" JOIN {templates} ON wanted.id = t.id",
                templates.of((template,) for template in {one.template for one in requests}),
            )
        ),
        rules=rules(),
    )


def _queued(keys: set[str]) -> dict[str, SendResult]:
    rows = Rows("asked", key="text")
    return {
        key: SendResult(key, Outcome.QUEUED, decision, delivery)
        for key, delivery, decision in fetch(
            "SELECT d.key, d.id, d.decision FROM activation_delivery AS d"
            f" JOIN {rows} ON asked.key = d.key",
            rows.of((key,) for key in sorted(keys)),
        )
    }


def _queue(
    passed: Sequence[SendRequest],
    decisions: Mapping[str, Decision],
    known: _Known,
    context: BatchContext,
) -> dict[str, int]:
    """Write delivery rows; return their ids by key."""
    if not passed:
        return {}
    columns = {
        "key": "text",
        "owner": "bigint",
        "profile": "bigint",
        "address": "bigint",
        "channel": "text",
        "message_class": "text",
        "template": "bigint",
        "journey": "bigint",
        "version": "bigint",
        "node": "text",
        "occurrence": "bigint",
        "facts": "text",
        "decision": "bigint",
        "due_at": "bigint",
        "when_capped": "text",
        "give_up_at": "bigint",
        "quiet": "text",
        "zone": "text",
        "urgent": "boolean",
    }
    rows = Rows("passed", **columns)
    renamed = {"owner": "owner_id", "address": "address_id", "template": "template_id"}
    names = ", ".join(renamed.get(name, name) for name in columns)
    parameters = rows.of(
        _row(one, known, decisions[one.key].id, max(one.due_at, context.now)) for one in passed
    )
    execute(
        f"INSERT INTO activation_delivery ({names}, ledger_key, reserved_for, status, created_at, reason, held, tries,"
        " lease_token, provider_id, reported)"
        f" SELECT {', '.join(columns)}, key, due_at, %s, %s, '', %s, 0, '', '', %s FROM {rows} WHERE true"
        " ON CONFLICT (key) DO NOTHING",
        [DeliveryStatus.QUEUED.value, context.now, False, False, *parameters],
    )
    return {
        key: result.delivery or 0 for key, result in _queued({one.key for one in passed}).items()
    }


def _row(request: SendRequest, known: _Known, decision: int, due_at: int) -> tuple[object, ...]:
    person = known.people[request.profile]
    address = permission.address(person, known.channels[request.channel].addressed_by)
    return (
        request.key,
        request.owner,
        request.profile,
        address[0] if address else None,
        request.channel,
        request.message_class,
        request.template,
        request.journey,
        request.version,
        request.node,
        request.occurrence,
        _as_text(request.facts),
        decision,
        due_at,
        request.when_capped,
        request.give_up_at,
        _as_text(request.quiet),
        request.zone,
        request.urgent,
    )


def _as_text(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
