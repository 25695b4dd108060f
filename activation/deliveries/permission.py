"""Whether a person may be contacted over a channel at all: suppression, consent, an address. No Django, no clock."""

from dataclasses import dataclass
from enum import StrEnum

from identity.privacy.types import EVERY, MARKETING, Words, said
from identity.profiles.types import Facts
from identity.touchpoints.types import Identifier


class No(StrEnum):
    """Why a message may not go."""

    SUPPRESSED = "suppressed"
    REFUSED = "consent_refused"
    NOT_GIVEN = "consent_not_given"
    NO_ADDRESS = "no_address"


@dataclass(frozen=True, slots=True)
class Rules:
    """`exempt`: message classes that need no consent. `opt_in`: channels on which silence is a no."""

    exempt: frozenset[str]
    opt_in: frozenset[str]


def refusal(person: Facts, channel: str, message_class: str, rules: Rules) -> No | None:
    """Return why the person may not be contacted, None when they may.

    Suppression holds for every class. For a class that is not exempt, what was said about the class and about marketing counts: one
    no is a no. A word on the channel outranks one on all channels.
    """
    if person.suppressed & {channel, EVERY}:
        return No.SUPPRESSED
    if message_class in rules.exempt:
        return None
    answers = _answers(person.consent, channel, message_class)
    if False in answers:
        return No.REFUSED
    if channel in rules.opt_in and True not in answers:
        return No.NOT_GIVEN
    return None


def address(person: Facts, addressed_by: str) -> tuple[int, Identifier] | None:
    """Return the address that a channel needs: (row id, identifier); None when there is none."""
    return person.addresses.get(addressed_by)


def _answers(consent: Words, channel: str, message_class: str) -> set[bool]:
    answers = (said(consent, purpose, channel) for purpose in (message_class, MARKETING))
    return {answer for answer in answers if answer is not None}
