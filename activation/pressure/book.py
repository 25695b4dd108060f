"""Reads what holds at this moment: policies, weights, classes, quiet hours."""

from datetime import time
from functools import lru_cache

import msgspec
from django.conf import settings

from activation.pressure.documents import PolicyDocument, read, to_policy
from activation.pressure.policy import Rulebook
from activation.pressure.types import (
    DEFAULT_CLASSES,
    DEFAULT_WEIGHTS,
    MessageClass,
    Policy,
    Quiet,
)
from identity.sql import fetch


def load() -> Rulebook:
    """Read the rulebook in four statements; documents are parsed once per process and text."""
    return Rulebook(
        policies=_policies(),
        weights={
            **DEFAULT_WEIGHTS,
            **dict(fetch("SELECT channel, weight FROM activation_channelweight")),
        },
        classes={**DEFAULT_CLASSES, **{one.name: one for one in _classes()}},
        quiet=_quiet(),
        zone=settings.TIME_ZONE,
    )


def versions() -> dict[str, int]:
    """Return the policies that hold and their version numbers, for the record of a batch."""
    rows = fetch(
        "SELECT policy.id, version.number FROM activation_policy AS policy"
        " JOIN activation_policyversion AS version ON version.id = policy.version_id"
        " WHERE policy.state = 'live' ORDER BY policy.id"
    )
    return {str(policy): number for policy, number in rows}


def _policies() -> list[Policy]:
    rows = fetch(
        "SELECT policy.id, version.number, policy.name, version.document FROM activation_policy AS policy"
        " JOIN activation_policyversion AS version ON version.id = policy.version_id"
        " WHERE policy.state = 'live' ORDER BY policy.id"
    )
    return [
        to_policy(_document(text), id=row, version=number, name=name)
        for row, number, name, text in rows
    ]


@lru_cache(maxsize=1_000)
def _document(text: str) -> PolicyDocument:
    return read(msgspec.json.decode(text))


def _classes() -> list[MessageClass]:
    return [
        MessageClass(name, weight, bool(obeys), bool(counts))
        for name, weight, obeys, counts in fetch(
            "SELECT name, weight, obeys_caps, counts_toward_caps FROM activation_messageclass"
        )
    ]


def _quiet() -> list[Quiet]:
    rows = fetch(
        'SELECT start, "end", channels FROM activation_quiethours WHERE enabled ORDER BY id'
    )
    return [
        Quiet(_time(start), _time(end), frozenset(msgspec.json.decode(channels)))
        for start, end, channels in rows
    ]


def _time(value: time | str) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)
