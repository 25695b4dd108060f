"""The list of profiles that may be several people is what the rows of all identifiers say, and costs what is on it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity.graph.policy import DEFAULT, Kind, Policy
from identity.profiles import models, undecided
from identity.profiles.models import Identifier
from tests.identity.graph.evidence import SMALL, events, touchpoint
from tests.identity.profiles.identities import Stages, cut
from tests.identity.profiles.people import profile
from tests.identity.profiles.people import touchpoint as by
from tests.identity.profiles.road import take
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db


def listed(policy: Policy) -> list[str]:
    """Walk the list, two to a page."""
    query, found = {"limit": "2"}, []
    while True:
        page = undecided.undecided(query, policy=policy)
        found += [one.uid for one in page.results if one.crowd is None]
        if page.next is None:
            return found
        query = {"limit": "2", "cursor": page.next}


def meant(policy: Policy) -> list[str]:
    """Look at everybody: who has a cookie or device and several values of one kind of person, but none of a `max: 1`."""
    of: dict[tuple[int, str], list[Identifier]] = defaultdict(list)
    for row in Identifier.objects.filter(forgotten=False).select_related("profile"):
        of[row.profile_id, row.profile.uid].append(row)
    return [
        uid
        for (_, uid), rows in sorted(of.items())
        if any(row.kind in {"cookie", "device"} for row in rows)
        and max(Counter(row.namespace for row in rows if row.kind == "person").values(), default=0)
        > 1
        and not any(_is_id(row.namespace, policy) for row in rows)
    ]


def _is_id(namespace: str, policy: Policy) -> bool:
    rule = policy.namespaces.get(namespace)
    return rule is not None and rule.kind is Kind.PERSON and rule.max == 1


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(100),
)
@given(data=st.data(), stream=events(most=10), more=events(most=4))
def test_it_is_what_all_rows_say(data, stream, more):
    later = [
        touchpoint(one, SMALL, number=100 + one.number, source=9, id=f"later-{one.number}")
        for one in more
    ]
    with undone():
        stages = Stages()
        for batch in cut(stream, data.draw(st.integers(1, 4))):
            stages.run(*batch)
            assert listed(SMALL) == meant(SMALL)
        stages.run(*later)
        assert listed(SMALL) == meant(SMALL)
        stages.set_aside(*later)
        assert listed(SMALL) == meant(SMALL)
        assert listed(DEFAULT) == [uid for uid in meant(DEFAULT) if uid in meant(SMALL)]


@contextmanager
def counting() -> Iterator[list[None]]:
    """Count what the database does: it tells nobody how many rows it looks at."""
    counted: list[None] = []
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: counted.append(None), 1)
    yield counted
    connection.connection.set_progress_handler(None, 1)


def test_a_page_costs_what_is_on_it_however_many_others_there_are() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite counts its steps")
    take(*(by(n, of=("anonymous_id:tablet", f"email:{n}")) for n in range(1, 4)))
    spent = []
    for many in (10, 2_000):
        home = profile(f"user_id:first-{many}")
        models.Identifier.objects.bulk_create(
            models.Identifier(
                key=f"email:{many}-{number}",
                namespace="email",
                kind="person",
                priority=3,
                first_number=1,
                profile=home,
            )
            for number in range(many)
        )
        with counting() as counted:
            assert len(undecided.undecided({}).results) == 1
        spent.append(len(counted))
    assert spent[1] == spent[0]
