"""Which fields are identifiers, how strong each is, and what a value must look like to be evidence. No Django.

The default table is the one of docs/concepts.md; a policy is a value, so that another one can be tried on the whole graph.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from identity.graph.normalising import (
    EMAIL_WITHIN,
    NORMALISERS,
    Refused,
    email,
    looks_like_pii,
    unquoted,
)
from identity.touchpoints.types import Identifier

MAX_BYTES = 512
KEPT_NAMES = 1_000  # of families, of which anybody may make up more
MAX_IDENTIFIERS = 32  # links are pairwise, so the work grows with the square


class Kind(StrEnum):
    """What a namespace identifies."""

    PERSON = "person"
    DEVICE = "device"
    COOKIE = "cookie"
    HOUSEHOLD = "household"  # groups profiles without joining them


@dataclass(frozen=True, slots=True)
class Namespace:
    """The policy for one namespace.

    `priority`: 1 is the strongest. `max`: values per profile, None = any number. `hub`: an identifier with more person identifiers
    around it than this is quarantined, None = never. `normaliser`: a key of NORMALISERS.
    """

    name: str
    kind: Kind
    priority: int
    max: int | None = None
    pii: bool = False
    hub: int | None = None
    normaliser: str = "strip"


# --- What is never an identifier ----------------------------------------------------------------------------------------

BLOCKED_VALUES = frozenset(
    {
        *("-1", "0", "null", "none", "nil", "undefined", "nan", "true", "false", "id"),
        *("anonymous", "guest", "unknown", "test", "not_authenticated", "[object object]"),
    }
)
_JUNK_MAILBOX = (
    r"(test|tester|testing|null|none|nil|undefined|unknown|anonymous|guest|noemail|fake)\d*+"
)
_JUNK_HOST = r"(test|example|null|none|undefined|unknown|noemail|fake)\.[a-z.]++"
BLOCKED_PATTERNS = (
    r"^[0-]*$",  # zeros, and all-zero advertising ids
    rf"^{_JUNK_MAILBOX}@{_JUNK_HOST}$",
)

# --- The policy ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Policy:
    """Namespaces by name, families of namespaces by prefix, and the values that are junk in all of them.

    `version`: of the stored policy that it was made of. `guesses_pii`: a value of whatever namespace that looks like personal data
    is stored as such. Two policies are one only when they are the same object, which is what caches go by.
    """

    namespaces: Mapping[str, Namespace]
    families: Mapping[str, Namespace] = field(default_factory=dict)
    blocked_values: frozenset[str] = BLOCKED_VALUES
    blocked_patterns: tuple[str, ...] = BLOCKED_PATTERNS
    guesses_pii: bool = True
    version: int = 1

    def __post_init__(self) -> None:
        blocked = frozenset(value.strip().lower() for value in self.blocked_values)
        object.__setattr__(self, "blocked_values", blocked)
        joined = "|".join(f"(?:{pattern})" for pattern in self.blocked_patterns)
        object.__setattr__(self, "_blocked", re.compile(joined or r"(?!)", re.IGNORECASE))
        object.__setattr__(self, "_known", dict(self.namespaces))
        households = {row.name for row in self.namespaces.values() if row.kind is Kind.HOUSEHOLD}
        object.__setattr__(self, "_households", frozenset(households))

    _blocked: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _known: dict[str, Namespace] = field(init=False, repr=False, compare=False)
    _households: frozenset[str] = field(init=False, repr=False, compare=False)

    def find(self, name: str) -> Namespace | None:
        """Return the policy for a namespace; one of a family (partner_NAME) is made at sight, and kept for a while."""
        return self._known.get(name) or self._of_family(name)

    def __getitem__(self, name: str) -> Namespace:
        """As `find`. Raises KeyError."""
        found = self._known.get(name)
        if found is None:
            found = self._of_family(name)
        if found is None:
            raise KeyError(name)
        return found

    def _of_family(self, name: str) -> Namespace | None:
        for prefix, model in self.families.items():
            if re.fullmatch(rf"{re.escape(prefix)}[a-z0-9_]{{1,40}}", name):
                made = Namespace(
                    name,
                    model.kind,
                    model.priority,
                    model.max,
                    model.pii,
                    model.hub,
                    model.normaliser,
                )
                return self._keep(made)
        return None

    def _keep(self, made: Namespace) -> Namespace:
        if len(self._known) >= len(self.namespaces) + KEPT_NAMES:
            object.__setattr__(self, "_known", dict(self.namespaces))
        return self._known.setdefault(made.name, made)

    def is_blocked(self, value: str) -> bool:
        """Say whether the value is blank or junk, whatever its case. What is over-long no pattern is tried with: it is refused anyway."""
        text = value.strip()
        if not text or text.lower() in self.blocked_values:
            return True
        return len(text) <= MAX_BYTES and self._blocked.search(text) is not None

    def rank(self, identifier: Identifier) -> tuple[int, str, str]:
        """Sort key: the strongest first, ties by namespace, then value."""
        return (self[identifier.namespace].priority, identifier.namespace, identifier.value)

    def most_around(self, identifier: Identifier) -> int | None:
        """Return how many person identifiers may be around this one before it joins nobody; None = any number.

        A stored value that was blocked later joins nobody at all: -1.
        """
        rules = self[identifier.namespace]
        return -1 if not rules.pii and self.is_blocked(identifier.value) else rules.hub

    def is_hub(self, identifier: Identifier, degree: int) -> bool:
        """Say whether an identifier with so many person identifiers around it joins nobody."""
        most = self.most_around(identifier)
        return most is not None and degree > most

    def is_household(self, identifier: Identifier) -> bool:
        return identifier.namespace in self._households

    def strongest_first(self, identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Return the distinct identifiers, the strongest first."""
        return tuple(sorted(set(identifiers), key=self.rank))

    def owner(self, identifiers: Iterable[Identifier]) -> Identifier | None:
        """Return the strongest identifier of a person, device or cookie."""
        return min(
            (each for each in identifiers if not self.is_household(each)),
            key=self.rank,
            default=None,
        )

    def refusal(
        self,
        identifiers: Iterable[Identifier],
        same: Iterable[tuple[Identifier, Identifier]] = (),
    ) -> str:
        """Say why one touchpoint's identifiers are no evidence: "too_many_identifiers", "too_many:user_id"; "" when they are.

        Values that an alias call declares to be one count once.
        """
        distinct = set(identifiers)
        if len(distinct) > MAX_IDENTIFIERS:
            return "too_many_identifiers"
        one_of = _representatives(distinct, same)
        counts = Counter(each.namespace for each in distinct if one_of[each] == each)
        for name in sorted(counts):
            limit = self[name].max
            if limit is not None and counts[name] > limit:
                return f"too_many:{name}"
        return ""


def _representatives(
    identifiers: Iterable[Identifier], same: Iterable[tuple[Identifier, Identifier]]
) -> dict[Identifier, Identifier]:
    """Map each identifier to one value of its namespace that stands for all that `same` declares to be one."""
    one_of = {each: each for each in identifiers}
    for a, b in same:
        if a.namespace == b.namespace and a in one_of and b in one_of:
            old, new = one_of[a], one_of[b]
            one_of = {each: new if one == old else one for each, one in one_of.items()}
    return one_of


def _table(*rows: Namespace) -> Mapping[str, Namespace]:
    return MappingProxyType({row.name: row for row in rows})


# A shared tablet or a library's browser sees many logins: past this many it says nothing about who is who.
_SHARED = 50

DEFAULT = Policy(
    namespaces=_table(
        Namespace("user_id", Kind.PERSON, 1, max=1),
        Namespace("crm_id", Kind.PERSON, 1, max=1),
        Namespace("loyalty_id", Kind.PERSON, 2, max=3),
        Namespace("email", Kind.PERSON, 3, pii=True, hub=10, normaliser="email"),
        Namespace("phone", Kind.PERSON, 4, pii=True, hub=10, normaliser="phone"),
        Namespace("maid", Kind.DEVICE, 6, hub=_SHARED),
        Namespace("device_id", Kind.DEVICE, 7, hub=_SHARED),
        Namespace("push_token", Kind.DEVICE, 7, hub=_SHARED),
        Namespace("anonymous_id", Kind.COOKIE, 8, hub=_SHARED),
        Namespace("household_id", Kind.HOUSEHOLD, 99),
    ),
    families=MappingProxyType(
        {
            "email_sha256_": Namespace("", Kind.PERSON, 5, pii=True, hub=10, normaliser="sha256"),
            "partner_": Namespace("", Kind.COOKIE, 9, hub=_SHARED),
        }
    ),
)


# --- From a clear value to an identifier --------------------------------------------------------------------------------


def clean(namespace: str, clear: str, *, region: str = "", policy: Policy = DEFAULT) -> str:
    """Return the normalised clear value: what the vault keeps of a PII value. Raises Refused.

    Reasons: unknown_namespace, not_text (NUL, lone surrogate), blocked, too_long, not_a_phone_number, not_a_hash.
    """
    rules = policy.find(namespace)
    if rules is None:
        raise Refused("unknown_namespace")
    if "\0" in clear or not (clear.isascii() or _is_text(clear)):
        raise Refused("not_text")
    if policy.is_blocked(clear):
        raise Refused("blocked")
    value = NORMALISERS[rules.normaliser](clear, region)
    if not rules.pii and policy.guesses_pii and looks_like_pii(value):
        value = _unmasked(value)
    if value != clear and policy.is_blocked(value):
        raise Refused("blocked")
    if len(value.encode()) > MAX_BYTES:
        raise Refused("too_long")
    return value


def _unmasked(value: str) -> str:
    """Return a value that holds personal data as it was before it went into an address. Raises Refused.

    Sites send e-mail addresses as userId, in whatever case.
    """
    plain = unquoted(value)
    if "\0" in plain:
        raise Refused("not_text")
    return email(plain) if EMAIL_WITHIN.fullmatch(plain) else plain


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_pii(namespace: str, value: str, *, policy: Policy = DEFAULT) -> bool:
    """Say whether a cleaned value is stored as its HMAC, and clear in the vault only."""
    return policy[namespace].pii or (policy.guesses_pii and looks_like_pii(value))


def identify(namespace: str, value: str, *, key: bytes, policy: Policy = DEFAULT) -> Identifier:
    """Return the identifier of a cleaned value."""
    if is_pii(namespace, value, policy=policy):
        value = hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
    return Identifier(namespace, value)


def normalise(
    namespace: str, clear: str, *, region: str = "", key: bytes, policy: Policy = DEFAULT
) -> Identifier:
    """Return the identifier of a clear value: `clean`, then `identify`. Raises Refused."""
    value = clean(namespace, clear, region=region, policy=policy)
    return identify(namespace, value, key=key, policy=policy)
