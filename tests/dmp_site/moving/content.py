"""Touchpoints, journeys, mails and what waits, made inside an installation (`shell`), and what is looked at after a move."""

import itertools
import json
import sys
from datetime import UTC, datetime, time

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Sum

from activation.deliveries.models import Delivery
from activation.pressure.models import LedgerRow, QuietHours
from benchmarks.stream import Shop
from identity import graph
from identity.clock import now
from identity.graph.contents import Part, add_up
from identity.models import Identifier, SetAside
from identity.privacy.keys import keys_at
from identity.profiles import showing
from identity.profiles.models import ContactCount
from identity.touchpoints import inbox, payload, sources
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.models import Lane, Source
from identity.touchpoints.types import Mode
from journeys.enrolments.models import Enrolment


def receive(count: int, *, seed: int, mode: Mode = Mode.LIVE) -> int:
    """Put rows into the inbox as the collector would, and one that cannot be read; return the number of the last."""
    source = Source.objects.filter(name="shop").first()
    source = source or sources.create("shop", "site", now(), actor="tests")
    sealer = payload.Sealer(keys_at(settings.KEYS_FILE).inbox)
    events = itertools.islice(Shop(60, seed=seed).touchpoints(1_000_000), count)
    sealed = [
        sealer.seal(
            payload.pack(b"{}", msgspec.json.encode({**event, "messageId": f"{seed}-{number}"}))
        )
        for number, event in enumerate(events)
    ]
    writer = inbox.writer()
    first = writer.append(
        [NewRow(source.pk, mode, each) for each in [*sealed, b"no touchpoint"]], now()
    )
    writer.close()
    return first + count


def oddities() -> None:
    """Store values that SQLite and PostgreSQL write differently: times, numbers of JSON, letters, nothing at all."""
    moment = datetime(2026, 10, 25, 0, 59, 59, 1, tzinfo=UTC)
    User.objects.create(username="odd", last_login=None, date_joined=moment)
    QuietHours.objects.create(name="night", start="22:30", end=time(6, 0, 0, 5))
    numbers = [1.0, 100, 1e2, 1e-7, 0.1, -0.0, 12_345_678_901_234_567_890, True, None]
    settings = {"b": numbers, "a": {"é": '\u2028 \\ " 🧵', "": []}, "10": 1, "9": "1.0"}
    sources.create("odd", "site", now(), actor="tests")
    Source.objects.filter(name="odd").update(settings=settings)


def state() -> None:
    """Print what has to be the same on both sides of a move."""
    lane = Lane.objects.first() or Lane()
    backlog = inbox.reader().backlog()
    inbox.reader().check()
    sums = add_up(graph.store().contents())
    found = {
        "graph": str(sums.digest),
        "touchpoints": sums.counts[Part.TOUCHPOINTS],
        "counted": ContactCount.objects.aggregate(Sum("count"))["count__sum"],
        "identifiers": Identifier.objects.count(),
        "deliveries": dict(Delivery.objects.values_list("status").annotate(Count("pk"))),
        "ledger": LedgerRow.objects.count(),
        "enrolments": Enrolment.objects.count(),
        "aside": sorted(SetAside.objects.values_list("number", flat=True)),
        "positions": [lane.live_position, lane.history_position],
        "waiting": [backlog.live, backlog.history],
        "uuid": str(inbox.reader().uuid()),
        "unshown": showing.lag()[0],
        "delivery_after": max(Delivery.objects.values_list("pk", flat=True), default=0),
    }
    json.dump(found, sys.stdout)
