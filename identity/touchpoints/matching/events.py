"""What a guess is on its way in: an event of a model's source, with both identifiers and how sure the model is."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from identity.errors import DomainError
from identity.graph import policies
from identity.graph.policy import Kind
from identity.touchpoints.matching.model import Guess


class NoNamespace(DomainError):
    """A namespace in which two values are never one person, or that is none of persons."""

    status = 422


def require(namespace: str) -> None:
    """See that two identifiers of this namespace can be one person. Raises NoNamespace."""
    rules = policies.current().find(namespace)
    if rules is None or rules.kind is not Kind.PERSON:
        said = f"the identity policy knows no namespace {namespace!r} of persons: add one first, without `max`"
        raise NoNamespace("unknown_namespace", said)
    if rules.max is not None:
        said = (
            f"a profile holds at most {rules.max} {namespace}, so that guesses would be refused:"
            " take a namespace without `max`"
        )
        raise NoNamespace("limited_namespace", said)


def pairs(guesses: Iterable[Guess], keys: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return how sure it is that two keys are one person; one key may have several records."""
    found: dict[tuple[str, str], float] = {}
    for a, b, probability in guesses:
        one, other = sorted((keys[a], keys[b]))
        if one != other:
            found[one, other] = max(probability, found.get((one, other), 0.0))
    return found


def events(found: dict[tuple[str, str], float], namespace: str) -> Iterator[dict[str, Any]]:
    """Yield the event of each pair. The same pair has the same messageId, so that it counts once, whatever comes again."""
    for pair, probability in found.items():
        said = msgspec.json.encode([namespace, *pair])
        yield {
            "type": "identify",
            "messageId": f"guess-{hashlib.sha256(said).hexdigest()[:40]}",
            "context": {
                "externalIds": [{"type": namespace, "id": each} for each in pair],
                "filrouge": {"strength": probability},
            },
        }
