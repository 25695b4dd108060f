"""What people allow and forbid, written by the console and the REST API: asked of the lane, which alone writes it."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError
from identity.privacy import audit, registers
from identity.privacy.types import EVERY, Barred, Reason, Said
from identity.touchpoints import commands, contacts
from identity.touchpoints.types import BatchContext, Identifier

CONSENT = "consent.set"
SUPPRESSION = "suppression.set"
_CHANNEL = re.compile(r"[^\s\0]{1,60}")


def ask_consent(
    identifiers: Collection[Identifier],
    purpose: str,
    channel: str,
    *,
    granted: bool,
    actor: str,
    now: Instant,
) -> int:
    """Ask the lane to keep that the owner of these allows or refuses a purpose; return the command's row id."""
    wish = {"purpose": purpose.strip(), "channel": channel_name(channel), "granted": granted}
    return _ask(CONSENT, identifiers, wish, actor, now)


def ask_suppression(
    identifiers: Collection[Identifier], channel: str, *, active: bool, actor: str, now: Instant
) -> int:
    """Ask the lane to bar a channel ("*" = all) for these identifiers, or to lift whatever bars it; return the command's row id."""
    name = channel_name(channel, known=active)
    return _ask(SUPPRESSION, identifiers, {"channel": name, "active": active}, actor, now)


def channel_name(text: str, *, known: bool = True) -> str:
    """Return a channel as it is stored, "*" for all. Raises DomainError (400) for what is none.

    Unless `known` is False, so is one of which this installation has never heard: closing it would close nothing.
    """
    name = text.strip().lower()
    if name == EVERY or name in _channels() or (not known and _CHANNEL.fullmatch(name)):
        return name
    raise DomainError(
        "unknown_channel", gettext("there is no channel %(text)r") % {"text": text}, status=400
    )


def _channels() -> frozenset[str]:
    """Return the channels to hand messages over to, and those in which others report contacts."""
    own: Callable[[], Collection[str]] = import_string(settings.CHANNEL_NAMES)
    return frozenset({*own(), *settings.CONSENT_OPT_IN, *contacts.CHANNELS})


def set_consent(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Execute CONSENT: {identifiers, purpose, channel, granted, at, said_by}."""
    given = _read(payload, _ConsentWish)
    registers.keep_consent(
        Said(
            identifier,
            given.purpose,
            given.channel,
            given.granted,
            given.at,
            context.now,
            "",
            given.said_by,
        )
        for identifier in given.identifiers
    )


def set_suppression(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Execute SUPPRESSION: {identifiers, channel, active, at, said_by}. Lifting lifts every reason, old ones that come late too."""
    given = _read(payload, _SuppressionWish)
    registers.keep_suppressions(
        Barred(
            identifier,
            given.channel,
            reason.value,
            given.active,
            given.at,
            context.now,
            "",
            given.said_by,
        )
        for identifier in given.identifiers
        for reason in ([Reason.REQUESTED] if given.active else Reason)
    )


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    identifiers: list[str]
    channel: str
    at: Instant
    said_by: str


class _ConsentWish(_Wish, frozen=True, kw_only=True):
    purpose: str
    granted: bool


class _SuppressionWish(_Wish, frozen=True, kw_only=True):
    active: bool


_SomeWish = TypeVar("_SomeWish", bound=_Wish)


def _ask(
    kind: str,
    identifiers: Collection[Identifier],
    wish: Mapping[str, Any],
    actor: str,
    now: Instant,
) -> int:
    keys = [identifier.key for identifier in identifiers]
    payload = {"identifiers": keys, "at": now, "said_by": actor, **wish}
    with transaction.atomic():
        for key in keys:
            audit.record(actor, kind, f"identifier:{key}"[:200], wish, now)
        return commands.enqueue(kind, payload, actor, now)


def _read(payload: Mapping[str, Any], shape: type[_SomeWish]) -> _SomeWish:
    try:
        return msgspec.convert(payload, shape)
    except msgspec.ValidationError as error:
        raise DomainError("bad_command", str(error)) from error
