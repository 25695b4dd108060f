"""What was refused is counted per source and reason, once."""

import msgspec
import pytest

from identity.touchpoints import refusals, sources
from identity.touchpoints.decode import NO_SOURCE, decode
from identity.touchpoints.models import Refusal, Source
from identity.touchpoints.types import BatchContext, InboxRow, Mode
from tests.identity.touchpoints.events import NOW, row, seal

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return sources.create("shop", "site", NOW, actor="tests")


def of_collector(number: int, *refused: tuple[int, str, str, int]) -> InboxRow:
    return InboxRow(number, NO_SOURCE, Mode.LIVE, NOW, seal(msgspec.json.encode(refused)))


def context(now: int) -> BatchContext:
    return BatchContext(now=now, horizon=now, mode=Mode.LIVE, epoch=1)


def test_refusals_of_the_collector_add_up(source: Source) -> None:
    first = of_collector(1, (source.pk, "event_missing", "a", 2), (source.pk, "too_large", "b", 1))
    second = of_collector(2, (source.pk, "event_missing", "c", 3), (source.pk + 9, "x", "", 1))
    assert decode([first]) == []
    refusals.fold([first], context(NOW))
    refusals.fold([second], context(NOW + 5))
    entry = Refusal.objects.get(reason="event_missing")
    assert (entry.count, entry.detail) == (5, "c")
    assert entry.last_at > entry.first_at
    assert Refusal.objects.count() == 2


def test_an_event_without_message_id_is_counted_but_not_refused(source: Source) -> None:
    page = {"type": "page", "userId": "1"}
    own = sources.internal(NOW)
    rows = [
        row(source, page, given="g1"),
        row(source, page, given="g2"),
        row(source, page | {"messageId": "m"}),
        row(own, page, given="g3"),
    ]
    refusals.fold(rows, context(NOW), decode(rows))
    unnamed = Refusal.objects.filter(reason="message_id_missing")
    assert list(unnamed.values_list("source", "count")) == [(source.pk, 2)]


def test_what_decoding_met_is_counted_too(source: Source) -> None:
    far = {"type": "page", "userId": "null", "messageId": "m", "timestamp": "9999-01-01T00:00:00Z"}
    rows = [row(source, far)]
    refusals.fold(rows, context(NOW), decode(rows))
    reasons = dict(Refusal.objects.values_list("reason", "count"))
    assert reasons == {"no_identifier": 1, "blocked:user_id": 1, "clock_corrected": 1}
