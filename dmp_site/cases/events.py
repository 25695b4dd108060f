"""A case's events as rows of the inbox, and the words of its file for what the product calls otherwise."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings

from dmp_site.cases.files import Case, Cluster, Event
from identity.clock import DAY, SECOND, Instant
from identity.graph.normalising import Refused
from identity.graph.policy import Kind, Policy, normalise
from identity.privacy.keys import keys_at
from identity.touchpoints import payload, sources
from identity.touchpoints.types import Identifier, InboxRow, Mode, touchpoint_id

START: Instant = 1_700_000_000_000  # when the earliest event happened
_RECEIVED = START + 10 * DAY  # when the first arrives
_ACTOR = "command:identity_cases"


class Events:
    """The events of one case, sealed as the collector would store them; its sources are made in the database."""

    def __init__(self, case: Case) -> None:
        self.policy = _in_the_clear(case.policy)
        keys = keys_at(settings.KEYS_FILE)
        self._key = keys.identifier
        names = sorted({event.source for event in case.events})  # which say nothing: any text
        self.sources = {
            name: sources.create(f"source-{number}", "server", START, actor=_ACTOR)
            for number, name in enumerate(names, start=1)
        }
        gone = self.sources.get(case.gone_source) if case.gone_source else None
        self.gone_source = None if gone is None else gone.pk
        self.gone_identifier = (
            self.identifier(case.gone_identifier) if case.gone_identifier else None
        )
        self.until = _RECEIVED + (len(case.events) + 1) * SECOND
        self.has_households = any(
            row.kind is Kind.HOUSEHOLD for row in case.policy.namespaces.values()
        )
        seal = payload.Sealer(keys.inbox).seal
        ranks = {at: rank for rank, at in enumerate(sorted({each.at for each in case.events}))}
        self._rows = [
            (self.sources[event.source], seal(_packed(position, event, ranks[event.at])))
            for position, event in enumerate(case.events)
        ]
        self._times = {
            touchpoint_id(self._rows[position][0].uuid, _message(position)): event.at
            for position, event in enumerate(case.events)
        }
        self._words: dict[Identifier, str] = {}
        for event in case.events:
            for word in event.identifiers:
                if (identifier := self.identifier(word)) is not None:
                    self._words.setdefault(identifier, word)

    def arranged(self, order: Sequence[int]) -> list[InboxRow]:
        """Return the rows as they arrive in this order."""
        return [
            InboxRow(number, source.pk, Mode.LIVE, _RECEIVED + number * SECOND, sealed)
            for number, (source, sealed) in enumerate(
                (self._rows[position] for position in order), start=1
            )
        ]

    def happened(self, touchpoint: str) -> Decimal:
        """Return the time that the file gives the event of this touchpoint."""
        return self._times[touchpoint]

    def identifier(self, word: str) -> Identifier | None:
        """Return what the product makes of "namespace:value"; None when it is no identifier under this policy."""
        namespace, _, value = word.partition(":")
        try:
            return normalise(namespace, value, key=self._key, policy=self.policy)
        except Refused:
            return None

    def words(self, groups: Iterable[Collection[Identifier]]) -> frozenset[Cluster]:
        """Return groups of identifiers in the words of the file."""
        return frozenset(
            frozenset(self._words.get(each, each.key) for each in group) for group in groups
        )

    def canonical(self, groups: Iterable[Cluster]) -> frozenset[Cluster]:
        """Return groups with one word for what the policy takes for one identifier."""
        return frozenset(frozenset(self._canonical(word) for word in group) for group in groups)

    def _canonical(self, word: str) -> str:
        identifier = self.identifier(word)
        return word if identifier is None else self._words.get(identifier, word)


def _in_the_clear(policy: Policy) -> Policy:
    """Return the policy with no personal data: what breaks a tie is then the value of the file.

    Under keys that are made for each run, its HMAC would break it as chance has it.
    """
    clear = {name: replace(each, pii=False) for name, each in policy.namespaces.items()}
    return replace(policy, namespaces=clear)


def _message(position: int) -> str:
    return f"event-{position}"


def _packed(position: int, event: Event, rank: int) -> bytes:
    """Return the event as a client would send it: ids of whatever namespace travel as external ids."""
    body: dict[str, Any] = {
        "messageId": _message(position),
        "type": "track",
        "event": "Seen",
        "timestamp": START + rank * SECOND,
        "context": {
            "externalIds": [
                {"type": namespace, "id": value}
                for namespace, _, value in (word.partition(":") for word in event.identifiers)
            ]
        },
    }
    if event.alias:
        pairs = (word.partition(":") for word in event.alias)
        body["type"] = "merge"
        body["mergeProperties"] = [
            {"type": namespace, "value": value} for namespace, _, value in pairs
        ]
    return payload.pack(b"{}", msgspec.json.encode(body))
