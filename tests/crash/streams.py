"""Random streams of evidence and human decisions, and what an installation says in the end about who is who.

A stream comes in two halves, between which people decide. Where it goes through real workers, `decide` and `outcome` run inside of the
installation (`shell`); where it goes through a lane in process, they are simply called.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any, NamedTuple

from django.core.management import call_command

from identity.clock import Instant, to_datetime
from identity.errors import DomainError
from identity.graph import store
from identity.graph.contents import Part, Row, StoredIdentifier, StoredLink
from identity.graph.types import VERDICTS, Verdict
from identity.models import Decision, Identifier
from identity.profiles import decisions
from identity.touchpoints.types import Identifier as Named
from tests.same.stream import Event, Recorded

_DECISIONS = 12


class Asked(NamedTuple):
    """What somebody decides about two identifiers, by their keys; `undone`: and takes back."""

    verdict: str
    one: str
    other: str
    undone: bool


@dataclass(frozen=True)
class Stream:
    """Events in the order in which they are sent, and what is decided after the first half."""

    first: list[Event]
    second: list[Event]
    asked: list[Asked]

    @property
    def touchpoints(self) -> int:
        """Return how many there are; some events come twice."""
        return len({event["messageId"] for event in [*self.first, *self.second]})


def drawn(touchpoints: int, start: Instant, *, people: int, seed: int) -> Stream:
    """Draw a stream. `start` lies so far back that no event of it is of the future when it is sent."""
    events = list(_dated(Recorded(touchpoints, start, seed=seed, people=people)))
    middle = len(events) // 2
    return Stream(events[:middle], events[middle:], _asked(people, random.Random(seed)))


def _dated(stream: Recorded) -> Iterator[Event]:
    """Yield what the public port takes: with a userId or an anonymousId, and without what nobody can read.

    Each has its time, which must not depend on when it is received: that is never the same twice.
    """
    for cut in stream.cuts():
        for row in cut.rows:
            if isinstance(row.event, bytes) or "\0" in row.event.get("event", ""):
                continue
            event = {"timestamp": to_datetime(cut.now).isoformat(), **row.event}
            event.pop("sentAt", None)
            if not {"userId", "anonymousId"} & event.keys():
                event["anonymousId"] = f"clerk-{event['messageId']}"
            yield event


def _asked(people: int, draw: random.Random) -> list[Asked]:
    """Draw decisions, each verdict once about a pair: half about one's own browser, half about anybody's."""
    found: dict[tuple[str, str, int], Asked] = {}
    while len(found) < _DECISIONS:
        number = len(found)
        person = draw.randrange(people)
        other = person if number % 2 else draw.randrange(people)
        named = (draw.choice(list(Verdict)).value, f"user_id:user-{person}")
        found[(*named, other)] = Asked(*named, f"anonymous_id:browser-{other}-0", number % 3 == 0)
    return list(found.values())


def decide(asked: Iterable[tuple[str, str, str, bool]], now: Instant) -> None:
    """Ask the lane for these; what is refused (who was never seen) is refused wherever the stream is."""
    for verdict, one, other, undone in asked:
        try:
            made = decisions.ask(
                Verdict(verdict), Named.of(one), Named.of(other), why="", actor="tests", now=now
            )
        except DomainError:
            continue
        if undone:
            decisions.ask_undo(made.decision, actor="tests", now=now)


def outcome() -> dict[str, Any]:
    """Return the graph, who is who, what became of the decisions, and the digests of `rebuild_graph --check`. Raises CommandError when they differ.

    Without what is never the same twice: row ids, and the times of decisions.
    """
    said = StringIO()
    call_command("rebuild_graph", "--check", stdout=said, stderr=StringIO())
    _, evidence, stored, *_ = said.getvalue().splitlines()
    return {
        "graph": sorted(_graph()),
        "profiles": dict(Identifier.objects.values_list("key", "profile__uid")),
        "digests": [evidence, stored],
        "decisions": [
            [each.verdict, each.a, each.b, decisions.state(each)]
            for each in Decision.objects.order_by("pk")
        ],
    }


def _graph() -> Iterator[list[Any]]:
    """Yield identifiers and links with their counters, which show evidence that counted twice. All of it is of one source."""
    contents = store().contents()
    for part in (Part.IDENTIFIERS, Part.LINKS):
        for page in contents.pages(part, size=1_000):
            yield from ([str(part), *_of(row)] for row in page.rows)


def _of(row: Row) -> list[Any]:
    if isinstance(row, StoredIdentifier):
        return [row.key, row.kind, row.first_number, row.degree, row.quarantined]
    assert isinstance(row, StoredLink)
    if row.source in VERDICTS:
        return [row.a, row.b, VERDICTS[row.source].value]
    seen = [row.first_seen, row.last_seen, row.counted, row.first_number]
    return [row.a, row.b, "", *seen, row.same, row.conducts]
