"""The JSON document of the policy of who is who, as people edit it, and how it becomes a value.

{"namespaces": {"email": {"kind": "person", "priority": 3, "pii": true, "hub": 10, "normaliser": "email"}, …},
 "families": {"partner_": {"kind": "cookie", "priority": 9}}, "blocked_values": ["null", …], "blocked_patterns": ["^[0-]*$", …]}
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations
from typing import Annotated, Any, Literal

import msgspec
from django.utils.translation import gettext

from identity.errors import DomainError
from identity.graph import patterns
from identity.graph.policy import Kind, Namespace, Policy

_MOST_NAMESPACES = 200
_Text = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, pattern="^[^\\x00\\ud800-\\udfff]*$")
]
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,60}")
# Patterns are joined into one, where the number of a group is another and a name may come twice.
_GROUPS = re.compile(r"\\[1-9]|\(\?P|\(\?\(")
_FIXED = ("kind", "pii", "normaliser")  # stored values were made by these


class NamespaceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See identity.graph.policy.Namespace."""

    kind: Kind
    priority: Annotated[int, msgspec.Meta(ge=1, le=999)]
    max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    pii: bool = False
    hub: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    normaliser: Literal["none", "strip", "email", "phone", "sha256"] = "strip"


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each namespace is read by itself, so that a mistake is named with its place."""

    namespaces: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=_MOST_NAMESPACES)]
    families: Annotated[dict[str, Any], msgspec.Meta(max_length=_MOST_NAMESPACES)] = {}
    blocked_values: Annotated[list[_Text], msgspec.Meta(max_length=10_000)] = []
    blocked_patterns: Annotated[list[_Text], msgspec.Meta(max_length=200)] = []


class BadPolicy(DomainError):
    """A document that is no policy, or cannot follow the one in force. `detail` names each mistake with its place."""

    status = 422

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("bad_policy", "; ".join(mistakes))
        self.detail = {"mistakes": mistakes}


def read(document: Any, *, version: int) -> Policy:
    """Return the policy that a document states. Raises BadPolicy."""
    try:
        whole = msgspec.convert(document, PolicyDocument)
    except msgspec.ValidationError as error:
        raise BadPolicy([str(error)]) from None
    mistakes: list[str] = []
    namespaces = _table("namespaces", whole.namespaces, mistakes)
    families = _table("families", whole.families, mistakes)
    mistakes += _overlaps(families)
    mistakes += _patterns(whole.blocked_patterns)
    if mistakes:
        raise BadPolicy(mistakes)
    return Policy(
        namespaces=namespaces,
        families=families,
        blocked_values=frozenset(whole.blocked_values),
        blocked_patterns=tuple(whole.blocked_patterns),
        version=version,
    )


def write(policy: Policy) -> dict[str, Any]:
    """Return the document that states the policy."""
    return {
        "namespaces": {name: _row(each) for name, each in policy.namespaces.items()},
        "families": {name: _row(each) for name, each in policy.families.items()},
        "blocked_values": sorted(policy.blocked_values),
        "blocked_patterns": list(policy.blocked_patterns),
    }


def require_successor(old: Policy, new: Policy) -> None:
    """See that `new` can follow `old`: what is stored was made by kind, PII and normaliser of its namespace. Raises BadPolicy.

    And that its patterns hold up nobody: each is tried with every value that comes in.
    """
    families = {name: row for name in new.namespaces if (row := old.find(name)) is not None}
    mistakes = [
        *_changes("namespaces", {**old.namespaces, **families}, new.namespaces),
        *_changes("families", old.families, new.families),
        *_explosions(new.blocked_patterns),
    ]
    if mistakes:
        raise BadPolicy(mistakes)


def _table(part: str, rows: Mapping[str, Any], mistakes: list[str]) -> dict[str, Namespace]:
    found = {}
    for name, row in rows.items():
        place = f"{part}.{name}"
        if not _NAME.fullmatch(name):
            said = gettext("a name has up to 60 letters, digits, dots, dashes and underscores")
            mistakes.append(f"{place}: {said}")
            continue
        try:
            said_of = msgspec.convert(row, NamespaceDocument)
        except msgspec.ValidationError as error:
            mistakes.append(f"{place}: {error}")
            continue
        found[name] = Namespace(
            "" if part == "families" else name, **msgspec.structs.asdict(said_of)
        )
    return found


def _overlaps(families: Mapping[str, Namespace]) -> Iterator[str]:
    """Each name is to be of one family, whatever the order of the families: it could change what stored identifiers are."""
    for one, other in permutations(families, 2):
        if other.startswith(one):
            said = gettext("names that begin so are of the family %(family)s already")
            yield f"families.{other}: {said % {'family': one}}"


def mistake(pattern: str) -> str:
    """Say why a pattern cannot be among those of a policy, "" when it can. It is tried by itself too: closing what it has not opened is one."""
    if _GROUPS.search(pattern):
        return gettext("a pattern may not name its groups, nor refer to them")
    try:
        re.compile(pattern)
        re.compile(f"(?:{pattern})")
    except (re.error, OverflowError) as error:  # the latter for a repeat of some billion times
        said = gettext("%(pattern)r is no regular expression (%(error)s)")
        return said % {"pattern": pattern, "error": error}
    return ""


def _patterns(given: list[str]) -> Iterator[str]:
    for number, pattern in enumerate(given):
        if said := mistake(pattern):
            yield f"blocked_patterns[{number}]: {said}"


def explosion(given: Iterable[str]) -> tuple[int, str] | None:
    """Name the pattern with which trying all of them may take too long, by its place, and say what to do."""
    tried = 0
    for number, pattern in enumerate(given):
        tried += patterns.steps(pattern)
        if tried > patterns.MOST:
            said = gettext(
                "some value would keep everybody waiting while it is tried: write repeats that give nothing back"
                " (a*+ for a*, (?:a|b)++ for (?:a|b)+), begin with ^, or list the values"
            )
            return number, said
    return None


def _explosions(given: Iterable[str]) -> Iterator[str]:
    if (found := explosion(given)) is not None:
        number, said = found
        yield f"blocked_patterns[{number}]: {said}"


def _changes(
    part: str, old: Mapping[str, Namespace], new: Mapping[str, Namespace]
) -> Iterator[str]:
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            said = gettext("identifiers may be stored under this name, so it stays")
            yield f"{part}.{name}: {said}"
            continue
        for field in _FIXED:
            if getattr(before, field) != getattr(after, field):
                said = gettext("stored identifiers were made with %(value)s, so it stays") % {
                    "value": _shown(getattr(before, field))
                }
                yield f"{part}.{name}.{field}: {said}"


def _shown(value: Any) -> str:
    return str(value).lower()


def _row(namespace: Namespace) -> dict[str, Any]:
    return {
        "kind": namespace.kind.value,
        "priority": namespace.priority,
        "max": namespace.max,
        "pii": namespace.pii,
        "hub": namespace.hub,
        "normaliser": namespace.normaliser,
    }
