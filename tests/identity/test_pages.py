"""Keyset pages give every row once, whatever the order and the limit; bad limits and cursors are refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import pages
from identity.errors import DomainError
from identity.privacy.models import AuditEntry
from tests.soaking import examples

pytestmark = pytest.mark.django_db

ORDERS = [["-at", "-id"], ["at", "id"], ["-at", "id"], ["object", "-pk"]]


def _walk(order, limit):
    seen, cursor = [], ""
    while True:
        query = {"limit": str(limit), "cursor": cursor}
        page = pages.page(AuditEntry.objects.all(), query, order=order)
        assert len(page.results) <= limit
        seen += [row.pk for row in page.results]
        if page.next is None:
            return seen
        cursor = page.next


@given(
    times=st.lists(st.integers(0, 5), max_size=30),
    limit=st.integers(1, 7),
    order=st.sampled_from(ORDERS),
)
@settings(max_examples=examples(60), deadline=None)
def test_pages_hold_every_row_once_in_order(times, limit, order):
    AuditEntry.objects.all().delete()
    AuditEntry.objects.bulk_create(
        AuditEntry(at=at, actor="user:1", action="a", object=f"thing:{at % 3}") for at in times
    )
    expected = list(AuditEntry.objects.order_by(*order).values_list("pk", flat=True))
    assert _walk(order, limit) == expected


@given(
    rows=st.sets(st.tuples(st.integers(0, 3), st.text(max_size=2)), max_size=20),
    limit=st.integers(1, 7),
)
def test_pages_of_rows_in_memory_hold_every_row_once_in_order(rows, limit):
    rows = {(number, text) for number, text in rows if "\x00" not in text}
    seen: list[object] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": str(limit), "cursor": cursor}
        page = pages.of(rows, query, key=lambda row: row)
        assert len(page.results) <= limit
        seen += page.results
        cursor = page.next
    assert seen == sorted(rows)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "٣", "9" * 5000])
def test_bad_limits_are_refused(limit):
    with pytest.raises(DomainError) as refused:
        pages.limit_of({"limit": limit})
    assert (refused.value.code, refused.value.status) == ("bad_limit", 400)


def test_limit_is_fifty_unless_told():
    assert pages.limit_of({}) == 50
    assert pages.limit_of({"limit": "200"}) == 200


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.hex()))
def test_any_text_is_a_cursor_or_refused(text):
    with contextlib.suppress(DomainError):
        assert isinstance(pages.after({"cursor": text}, int, str), tuple)


@pytest.mark.parametrize("key", [[1], ["a", "b"], [1, 2], [2**64, "b"], [1, "a\x00"], [1, "b", 3]])
def test_a_cursor_of_another_list_is_refused(key):
    with pytest.raises(DomainError):
        pages.after({"cursor": pages.encode(key)}, int, str)


def test_cut_tells_whether_there_is_more():
    assert pages.cut([3, 2, 1], limit=3, key=lambda row: [row]).next is None
    page = pages.cut([3, 2, 1], limit=2, key=lambda row: [row])
    assert page.render(str) == {"results": ["3", "2"], "next": pages.encode([2])}
