"""What the shop sells: products that the households of the data set really bought, at the mean of what they paid."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from pyarrow import array, compute

from dmp_site.demo import dataset

# Chosen among the best-selling ones, by the aisle in which the shop shows them.
AISLES: Mapping[str, tuple[int, ...]] = {
    "Fruit": (1082185, 1127831, 866211, 1028816, 1024306, 847270),
    "Vegetables": (995785, 860776, 961554, 904360, 854852, 824005),
    "Dairy": (981760, 908531, 859075, 976199, 1057260),
    "Bakery": (826249, 1095275, 883404, 1014948),
    "Meat": (916122, 6602697, 969866, 927191),
    "Drinks": (1003188, 1056651, 862799, 849202),
    "Snacks": (5568378, 9526410, 1039589, 1042438),
    "Pantry": (1068719, 1022003, 929668, 896369, 913785, 1071342),
    "Household": (1065593, 953476, 9487927),
}
_ASIDE = re.compile(r"\s*\(.*|\s*&\s*holders")  # packaging in brackets, often cut off


class Product(msgspec.Struct, frozen=True):
    """One product as the shop shows it; `cents` is its price."""

    id: str
    name: str
    aisle: str
    brand: str
    size: str
    cents: int


def write(path: Path) -> None:
    """Write the catalogue as JSON."""
    path.write_bytes(msgspec.json.encode(products()))


def products() -> list[Product]:
    """Read names and prices of the shop's products from the data set, aisle by aisle."""
    aisles = {number: aisle for aisle, numbers in AISLES.items() for number in numbers}
    named = {row["product_id"]: row for row in dataset.table("products").to_pylist()}
    prices = _prices(list(aisles))
    return [_product(named[number], aisle, prices[number]) for number, aisle in aisles.items()]


def _product(row: Mapping[str, Any], aisle: str, cents: int) -> Product:
    return Product(
        id=str(row["product_id"]),
        name=_ASIDE.sub("", dataset.readable(row["product_type"])),
        aisle=aisle,
        brand=row["brand"] or "",
        size=" ".join((row["package_size"] or "").split()).lower(),
        cents=cents,
    )


def _prices(wanted: list[int]) -> dict[int, int]:
    """Return what one piece cost on average, in cents."""
    lines = dataset.table("transactions", ["product_id", "quantity", "sales_value"])
    bought = lines.filter(compute.is_in(lines["product_id"], value_set=array(wanted)))
    sums = bought.group_by("product_id").aggregate([("quantity", "sum"), ("sales_value", "sum")])
    return {
        row["product_id"]: round(100 * row["sales_value_sum"] / row["quantity_sum"])
        for row in sums.to_pylist()
    }
