"""Decides on asks and reserves: the only door to a contact.

Runs in the caller's transaction, in the lane alone, so that between reading an account and writing to it nobody else writes.
Every ask gets a stored decision; nothing is dropped silently. The number of statements does not depend on the number of asks.
"""

from collections.abc import Iterable, Mapping, Sequence

from activation.pressure import accounts, book, intents, policy
from activation.pressure.ledger import Entry, as_text, enter
from activation.pressure.policy import Account
from activation.pressure.types import Ask, Decision, Origin, Reason, Status, Verdict
from identity.clock import Instant
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext


def reserve(asks: Sequence[Ask], context: BatchContext) -> list[Decision]:
    """Decide on each ask, in the order in which they compete; write a ledger row for each that passes.

    Decisions come back in the order of the asks. A key that was reserved before is answered from its row, and writes nothing.
    """
    known = _known({ask.key for ask in asks})
    fresh = list({ask.key: ask for ask in asks if ask.key not in known}.values())
    verdicts, people = _weigh(fresh, context.now)
    decided = _store(fresh, verdicts, people, context) if fresh else {}
    return [known.get(ask.key) or decided[ask.key] for ask in asks]


def weigh(asks: Sequence[Ask], now: Instant) -> list[Verdict]:
    """Answer "would this pass now?" for each ask, as if all that pass were sent; nothing is stored."""
    verdicts, _ = _weigh(asks, now)
    return [verdicts[ask.key] for ask in asks]


def note_refusals(asks: Sequence[Ask], now: Instant) -> None:
    """Store the decision on each ask that would not pass now; nothing is reserved. For a partner who only hears yes or no."""
    verdicts, people = _weigh(asks, now)
    refused = [ask for ask in asks if not verdicts[ask.key].passed]
    if refused:
        _write_decisions(refused, verdicts, people, now)


def quiet_until(asks: Sequence[Ask], now: Instant) -> dict[str, Instant]:
    """Return, by key, when quiet hours let each ask go: `now`, or their end."""
    rules = book.load()
    return {ask.key: policy.quiet_until(ask, rules, now) for ask in asks}


def obeys_caps(message_class: str) -> bool:
    """Tell whether policies and quiet hours hold back messages of this class."""
    return book.load().message_class(message_class).obeys_caps


def _weigh(asks: Sequence[Ask], now: Instant) -> tuple[dict[str, Verdict], dict[int, Account]]:
    if not asks:
        return {}, {}
    rules = book.load()
    people = accounts.load({ask.profile for ask in asks}, rules, now)
    standing = dict(people)
    verdicts: dict[str, Verdict] = {}
    for ask in sorted(asks, key=policy.order):
        verdict = policy.weigh(ask, standing[ask.profile], rules, now)
        verdicts[ask.key] = verdict
        if verdict.passed:
            contact = policy.as_contact(ask, verdict)
            standing[ask.profile] = standing[ask.profile].with_contact(contact)
    return verdicts, people


def _known(keys: Iterable[str]) -> dict[str, Decision]:
    """Return the decisions on keys that have a ledger row; a released one does not pass again."""
    rows = Rows("asked", key="text")
    return {
        key: Decision(
            key=key,
            id=decision,
            passed=status != Status.RELEASED,
            reason=Reason.ALREADY,
            earliest=None,
            ledger=ledger,
        )
        for key, ledger, status, decision in fetch(
            "SELECT l.key, l.id, l.status, (SELECT max(d.id) FROM activation_decision AS d WHERE d.key = l.key)"
            f" FROM {rows} JOIN activation_ledgerrow AS l ON l.key = asked.key",
            rows.of((key,) for key in sorted(keys)),
        )
    }


# --- Writing ---


def _store(
    asks: Sequence[Ask],
    verdicts: Mapping[str, Verdict],
    people: Mapping[int, Account],
    context: BatchContext,
) -> dict[str, Decision]:
    ranked = sorted(asks, key=policy.order)
    intents.keep(ranked, context.now)
    decisions = _write_decisions(ranked, verdicts, people, context.now)
    passed = [ask for ask in ranked if verdicts[ask.key].passed]
    entries = [_entry(ask, verdicts[ask.key], people[ask.profile]) for ask in passed]
    ledger = enter(entries, Origin.OWN, Status.RESERVED, context.now)
    return {
        ask.key: _decision(ask, verdicts[ask.key], decisions[ask.key], ledger.get(ask.key))
        for ask in ranked
    }


def _decision(ask: Ask, verdict: Verdict, row: int, ledger: int | None) -> Decision:
    winner = verdict.winner
    default = winner.when_capped if winner else ""
    return Decision(
        key=ask.key,
        id=row,
        passed=verdict.passed,
        reason=verdict.reason,
        earliest=verdict.earliest,
        winner=winner.name if winner else "",
        ledger=ledger,
        when_capped="" if verdict.passed else ask.when_capped or default,
    )


def _write_decisions(
    asks: Sequence[Ask],
    verdicts: Mapping[str, Verdict],
    people: Mapping[int, Account],
    now: Instant,
) -> dict[str, int]:
    rows = Rows(
        "answers",
        key="text",
        owner="bigint",
        channel="text",
        message_class="text",
        journey="bigint",
        at="bigint",
        passed="boolean",
        reason="text",
        earliest="bigint",
        points="bigint",
        winner="text",
        uses="text",
        audiences="text",
    )
    names = "key, {owner}, channel, message_class, journey, at, passed, reason, earliest, points, winner, uses, audiences"
    parameters = rows.of(
        (
            ask.key,
            ask.owner,
            ask.channel,
            ask.message_class,
            ask.journey,
            verdict.at,
            verdict.passed,
            verdict.reason.value,
            verdict.earliest,
            verdict.cost,
            verdict.winner.name if verdict.winner else "",
            as_text(verdict.uses),
            as_text(sorted(people[ask.profile].audiences)),
        )
        for ask in asks
        for verdict in [verdicts[ask.key]]
    )
    written = fetch(
        f"INSERT INTO activation_decision ({names.format(owner='owner_id')}, decided_at)"
        f" SELECT {names.format(owner='owner')}, %s FROM {rows} RETURNING key, id",
        [now, *parameters],
    )
    return dict(written)


def _entry(ask: Ask, verdict: Verdict, account: Account) -> Entry:
    return Entry(
        key=ask.key,
        owner=ask.owner,
        channel=ask.channel,
        message_class=ask.message_class,
        points=verdict.cost,
        counts=verdict.counts,
        effective_at=verdict.at,
        journey=ask.journey,
        version=ask.version,
        node=ask.node,
        occurrence=ask.occurrence,
        seen=_seen(verdict, account),
    )


def _seen(verdict: Verdict, account: Account) -> str:
    policies = [[use.policy, use.version] for use in verdict.uses]
    return as_text({"policies": policies, "audiences": sorted(account.audiences)})
