"""The files that the demo imports, against the data set itself."""

import csv
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp_site.demo import catalogue, dataset


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@given(st.integers(1_600_000_000_000, 4_000_000_000_000))
def test_the_data_ends_within_the_seven_days_before_the_first_load(now):
    end = dataset.LAST + dataset.shift(now) * dataset.WEEK
    assert timedelta(0) <= datetime.fromtimestamp(now / 1000, UTC) - end < timedelta(days=7)


def test_contacts_happen_at_their_campaigns_start(tmp_path):
    path = tmp_path / "contacts.csv"
    assert dataset.write_contacts(path, dataset.EVERYBODY, weeks=0) == 6_589
    starts = {
        row["campaign_id"]: row["start_date"]
        for row in dataset.table("campaign_descriptions").to_pylist()
    }
    for row in rows(path):
        assert row["at"] == f"{starts[int(row['campaign_id'])]:%Y-%m-%dT00:00:00Z}"


def test_redemptions_happen_at_noon_so_many_weeks_later(tmp_path):
    path = tmp_path / "redemptions.csv"
    assert dataset.write_redemptions(path, dataset.EVERYBODY, weeks=400) == 2_102
    found = rows(path)
    assert {row["at"][10:] for row in found} == {"T12:00:00Z"}
    first = datetime(2017, 1, 1, 12, tzinfo=UTC) + timedelta(weeks=400)
    assert found[0]["at"] == f"{first:%Y-%m-%dT%H:%M:%SZ}"


def test_demographics_leave_unknown_cells_empty(tmp_path):
    path = tmp_path / "demographics.csv"
    assert dataset.write_demographics(path, dataset.EVERYBODY) == 801
    unknown = sum(row["home_ownership"] == "" for row in rows(path))
    assert unknown == dataset.table("demographics")["home_ownership"].null_count == 233


@pytest.mark.slow
def test_a_basket_is_one_order_with_its_lines():
    first, second = islice(dataset.orders(dataset.EVERYBODY, weeks=1), 2)
    assert first["messageId"] == "basket-31198570044"
    assert first["userId"] == "900"
    assert first["timestamp"] == "2017-01-08T11:53:26Z"
    assert first["properties"]["total"] == 0.5
    assert first["properties"]["products"][0]["product_id"] == "1095275"
    assert second["timestamp"] >= first["timestamp"]


def test_the_data_set_is_the_one_that_is_known():
    assert dataset.totals(dataset.EVERYBODY) == dataset.Totals(
        profiles=2_469, orders=155_848, revenue=459_603_958, contacts=6_589, redemptions=2_102
    )


@pytest.mark.slow
def test_a_part_of_the_households_has_its_own_files_and_totals(tmp_path):
    some = dataset.totals(10)
    assert 0 < some.profiles <= 10
    orders = list(dataset.orders(10, weeks=0))
    assert len(orders) == some.orders
    assert sum(round(one["properties"]["total"] * 100) for one in orders) == some.revenue
    assert dataset.write_contacts(tmp_path / "contacts.csv", 10, weeks=0) == some.contacts
    assert dataset.write_redemptions(tmp_path / "none.csv", 0, weeks=0) == 0


def test_the_shop_sells_real_products_at_real_prices():
    products = catalogue.products()
    assert {product.aisle for product in products} == set(catalogue.AISLES)
    assert {product.id: product for product in products}["1082185"].name == "Bananas"
    assert all(product.name and product.cents > 10 for product in products)
