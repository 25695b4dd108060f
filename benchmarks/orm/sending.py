"""Stage 6 with the ORM: permission, pressure, ledger and delivery rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from activation.audiences.models import Membership
from activation.channels.registry import Description
from activation.deliveries import permission
from activation.deliveries.models import Delivery
from activation.deliveries.permission import Rules
from activation.deliveries.types import Outcome, SendRequest
from activation.pressure import policy, windows
from activation.pressure.models import Decision, Intent, LedgerRow
from activation.pressure.policy import Account, Rulebook
from activation.pressure.types import Ask, Contact, Verdict
from benchmarks.orm.rows import Keeper, instant
from identity.clock import DAY, Instant
from identity.profiles.types import Facts
from identity.touchpoints.types import BatchContext
from journeys.types import Answer


@dataclass(frozen=True)
class Set:
    """What people set up about sending, read once."""

    book: Rulebook
    channels: Mapping[str, Description]
    rules: Rules


def dispatch(
    keep: Keeper,
    known: Set,
    requests: Sequence[SendRequest],
    people: Mapping[int, Facts],
    context: BatchContext,
) -> dict[int, Answer]:
    """Decide on each request and queue what passes; answers come by enrolment."""
    asks = {one.key: _ask(one, people[one.profile]) for one in requests}
    reasons = {one.key: _refusal(one, known, people[one.profile]) for one in requests}
    refused = [(asks[key], why) for key, why in reasons.items() if why]
    _intents(keep, [ask for ask, _ in refused], context.now)
    keep.put([_refused(ask, why, context) for ask, why in refused])
    wanted = [one for one in requests if not reasons[one.key]]
    verdicts = _reserve(keep, known, [asks[one.key] for one in wanted], people, context)
    decisions = {row.key: row.pk for row in keep.find(Decision, "key", verdicts)}
    keep.put(
        [
            _delivery(one, known, people[one.profile], decisions[one.key], context)
            for one in wanted
            if verdicts[one.key].passed
        ]
    )
    return {
        int(one.key.partition(":")[0]): _answer(one, reasons[one.key], verdicts.get(one.key))
        for one in requests
    }


def _answer(request: SendRequest, refusal: str, verdict: Verdict | None) -> Answer:
    if verdict is None:
        return Answer(request.key, Outcome.UNREACHABLE.value, None, refusal)
    if verdict.passed:
        return Answer(request.key, Outcome.QUEUED.value)
    winner = verdict.winner.when_capped if verdict.winner else ""
    capped = request.when_capped or winner
    return Answer(request.key, Outcome.CAPPED.value, None, verdict.reason, capped)


def _ask(request: SendRequest, person: Facts) -> Ask:
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
        time_zone=person.time_zone or request.zone,
        quiet=request.quiet,
        when_capped=request.when_capped,
        give_up_at=request.give_up_at,
    )


def _refusal(request: SendRequest, known: Set, person: Facts) -> str:
    no = permission.refusal(person, request.channel, request.message_class, known.rules)
    addressed_by = known.channels[request.channel].addressed_by
    if no is None and addressed_by and not permission.address(person, addressed_by):
        no = permission.No.NO_ADDRESS
    return no.value if no else ""


# --- Pressure ---


def _reserve(
    keep: Keeper,
    known: Set,
    asks: Sequence[Ask],
    people: Mapping[int, Facts],
    context: BatchContext,
) -> dict[str, Verdict]:
    before = _accounts(
        keep, known.book, {ask.profile: people[ask.profile] for ask in asks}, context
    )
    standing, verdicts = dict(before), {}
    ranked = sorted(asks, key=policy.order)
    for ask in ranked:
        verdict = policy.weigh(ask, standing[ask.profile], known.book, context.now)
        verdicts[ask.key] = verdict
        if verdict.passed:
            contact = policy.as_contact(ask, verdict)
            standing[ask.profile] = standing[ask.profile].with_contact(contact)
    _intents(keep, ranked, context.now)
    keep.put([_decision(ask, verdicts[ask.key], before[ask.profile], context) for ask in ranked])
    passed = [ask for ask in ranked if verdicts[ask.key].passed]
    _ledger(keep, passed, verdicts, before, context)
    return verdicts


def _accounts(
    keep: Keeper, book: Rulebook, people: Mapping[int, Facts], context: BatchContext
) -> dict[int, Account]:
    owners = {owner: person.profile for person in people.values() for owner in person.owners}
    reach = max((windows.reach(one.window) for one in book.policies), default=DAY)
    contacts: dict[int, list[Contact]] = defaultdict(list)
    since = context.now - reach
    for row in keep.find(LedgerRow, "owner_id", owners, effective_at__gt=since):
        contacts[owners[row.owner_id]].append(
            Contact(
                instant(row.effective_at),
                row.channel,
                row.message_class,
                row.journey,
                row.points,
                row.counts,
            )
        )
    audiences: dict[int, set[int]] = defaultdict(set)
    for member in keep.find(Membership, "profile_id", people):
        audiences[member.profile_id].add(member.audience_id)
    return {
        profile: Account(contacts[profile], frozenset(audiences[profile])) for profile in people
    }


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _intents(keep: Keeper, asks: Sequence[Ask], now: Instant) -> None:
    known = {row.key for row in keep.find(Intent, "key", [ask.key for ask in asks])}
    keep.put(
        [
            Intent(
                key=ask.key,
                owner_id=ask.owner,
                channel=ask.channel,
                message_class=ask.message_class,
                journey=ask.journey,
                asked_at=now,
                ask=_text(ask),
            )
            for ask in asks
            if ask.key not in known
        ]
    )


def _decision(ask: Ask, verdict: Verdict, account: Account, context: BatchContext) -> Decision:
    return Decision(
        key=ask.key,
        owner_id=ask.owner,
        channel=ask.channel,
        message_class=ask.message_class,
        journey=ask.journey,
        decided_at=context.now,
        at=verdict.at,
        passed=verdict.passed,
        reason=verdict.reason.value,
        earliest=verdict.earliest,
        points=verdict.cost,
        winner=verdict.winner.name if verdict.winner else "",
        uses=_text(verdict.uses),
        audiences=_text(sorted(account.audiences)),
    )


def _refused(ask: Ask, why: str, context: BatchContext) -> Decision:
    return Decision(
        key=ask.key,
        owner_id=ask.owner,
        channel=ask.channel,
        message_class=ask.message_class,
        journey=ask.journey,
        decided_at=context.now,
        at=max(ask.due_at, context.now),
        passed=False,
        reason=why,
        points=0,
    )


def _ledger(
    keep: Keeper,
    asks: Sequence[Ask],
    verdicts: Mapping[str, Verdict],
    accounts: Mapping[int, Account],
    context: BatchContext,
) -> None:
    last: dict[int, int] = defaultdict(int)
    for row in keep.find(LedgerRow, "owner_id", {ask.owner for ask in asks}):
        last[row.owner_id] = max(last[row.owner_id], row.sequence)
    rows = []
    for ask in asks:
        verdict = verdicts[ask.key]
        last[ask.owner] += 1
        policies = [[use.policy, use.version] for use in verdict.uses]
        audiences = sorted(accounts[ask.profile].audiences)
        rows.append(
            LedgerRow(
                key=ask.key,
                owner_id=ask.owner,
                sequence=last[ask.owner],
                origin="own",
                status="reserved",
                channel=ask.channel,
                message_class=ask.message_class,
                journey=ask.journey,
                version=ask.version,
                node=ask.node,
                occurrence=ask.occurrence,
                points=verdict.cost,
                counts=verdict.counts,
                decided_at=context.now,
                effective_at=verdict.at,
                seen=_text({"policies": policies, "audiences": audiences}),
            )
        )
    keep.put(rows)


def _delivery(
    request: SendRequest, known: Set, person: Facts, decision: int, context: BatchContext
) -> Delivery:
    address = permission.address(person, known.channels[request.channel].addressed_by)
    return Delivery(
        key=request.key,
        ledger_key=request.key,
        owner_id=request.owner,
        profile=request.profile,
        address_id=address[0] if address else None,
        channel=request.channel,
        message_class=request.message_class,
        template_id=request.template,
        journey=request.journey,
        version=request.version,
        node=request.node,
        occurrence=request.occurrence,
        facts=_text(request.facts),
        decision=decision,
        due_at=max(request.due_at, context.now),
        reserved_for=max(request.due_at, context.now),
        when_capped=request.when_capped,
        give_up_at=request.give_up_at,
        quiet=_text(request.quiet),
        zone=request.zone,
        status="queued",
        created_at=context.now,
    )
