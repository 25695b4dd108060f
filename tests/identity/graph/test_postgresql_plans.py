"""How PostgreSQL carries out a walk through neighbourhoods: by index, however many rows it takes the walk to reach."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity.graph.policy import DEFAULT
from identity.graph.sql_reading import reach
from identity.sql import fetch
from tests.environment import STORES

if STORES != "postgresql":
    pytest.skip("needs STORES=postgresql", allow_module_level=True)

pytestmark = [pytest.mark.django_db, pytest.mark.stores]

_NODES = 200_000  # in pairs


def fill() -> None:
    """Fill the tables as a year would; return when the planner knows how large they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_graphidentifier (id, key, kind, first_number, degree, quarantined)"
            " SELECT n, 'user_id:' || n, 'person', n, 0, false FROM generate_series(1, %s) AS n",
            [_NODES],
        )
        cursor.execute(
            "INSERT INTO identity_graphlink"
            " (a, b, source, first_seen, last_seen, count, same, strength, conducts, first_number)"
            " SELECT n, n + 1, 1, n, n, 1, false, 1, true, n FROM generate_series(1, %s, 2) AS n",
            [_NODES],
        )
        cursor.execute("ANALYZE identity_graphidentifier, identity_graphlink")


@pytest.mark.parametrize("seeds", [100, 500, 2_000])
def test_a_walk_reads_no_whole_table(seeds: int) -> None:
    fill()
    step = _NODES // seeds
    with CaptureQueriesContext(connection) as asked:
        found = reach(range(1, _NODES, step), DEFAULT)
    assert len(found.ids) == 2 * seeds
    [walk] = [each["sql"] for each in asked if "RECURSIVE" in each["sql"]]
    plan = "\n".join(line for (line,) in fetch("EXPLAIN " + walk.replace("%", "%%")))
    assert "Index" in plan
    assert "Seq Scan" not in plan
