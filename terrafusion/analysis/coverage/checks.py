"""Records that cannot be as they stand, or stand twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from terrafusion.analysis.frames import SALES_ORDER, sorted_by

_NAMED: Final = 5
_OLDEST: Final = 1600
_SALE: Final = ("parcel_number", "sale_date", "sale_price")
_HIGHEST_PRICE: Final = 1e12

_Rules = Mapping[str, tuple[pl.Expr, pl.Expr]]
"""Of each check, which records it can judge and which fail it."""

_COORDINATES: Final = ("latitude", "longitude")


def sale_checks(sales: pl.LazyFrame, as_of: date | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each check: how many of the sales that it can judge fail it, and some of them.

    ``as_of`` is the day after which a sale lies in the future; None leaves that unchecked. Of sales that are alike the
    first in their order passes, so what is named depends on content alone.
    """
    alike = sorted_by(sales.select("sale_id", *_SALE).collect(), SALES_ORDER)
    for name, rule in _likeness_rules().items():
        yield from _rows({name: rule}, "sales", alike.lazy(), "sale_id")
    del alike
    yield from _rows(_sale_rules(as_of), "sales", sales, "sale_id")
    if as_of is None:
        yield {"name": "future_date", "measure": "sales", "note": "not checked: needs valuation_date or end_date"}


def _likeness_rules() -> _Rules:
    """Return the checks of a sale against the others."""
    price = pl.col("sale_price")
    told = pl.all_horizontal(pl.col(name).is_not_null() for name in _SALE)
    day = pl.struct(_SALE[:2])
    return {
        "duplicate_sale_id": (pl.col("sale_id").is_not_null(), ~pl.col("sale_id").is_first_distinct()),
        "duplicate_sale": (told, ~pl.struct(_SALE).is_first_distinct()),
        "other_price_on_same_day": (told, (price.n_unique().over(_SALE[:2]) > 1) & ~day.is_first_distinct()),
    }


def _sale_rules(as_of: date | None) -> _Rules:
    price, built = pl.col("sale_price"), pl.col("year_built")
    everything = pl.lit(value=True)
    rules = {
        "missing_parcel_number": (everything, pl.col("parcel_number").is_null()),
        "missing_date": (everything, pl.col("sale_date").is_null()),
        "missing_price": (everything, price.is_null() | price.is_nan()),
        "price_not_positive": (price.is_not_null(), price <= 0),
        "price_above_a_trillion": (price.is_not_null(), price > _HIGHEST_PRICE),
        "only_year_known": (pl.col("year_only").is_not_null(), pl.col("year_only")),
        "built_after_sale": (
            built.is_not_null() & pl.col("sale_date").is_not_null(),
            built > pl.col("sale_date").dt.year(),
        ),
        **_home_rules(),
    }
    if as_of is not None:
        rules["future_date"] = (pl.col("sale_date").is_not_null(), pl.col("sale_date") > as_of)
    return rules


def _home_rules() -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """Return the checks that sales and parcels share."""
    rules = {}
    for name, column in (("zero_building_area", "building_size_sqft"), ("zero_lot_area", "lot_size_sqft")):
        rules[name] = (pl.col(column).is_not_null(), pl.col(column) <= 0)
    rules["built_before_1600"] = (pl.col("year_built").is_not_null(), pl.col("year_built") < _OLDEST)
    rules["value_not_positive"] = (pl.col("assessed_value").is_not_null(), pl.col("assessed_value") <= 0)
    rooms = pl.min_horizontal("bedrooms", "bathrooms", "stories")
    rules["negative_count"] = (rooms.is_not_null(), rooms < 0)
    zip_code = pl.col("zip_code")
    rules["malformed_zip_code"] = (zip_code.is_not_null(), ~zip_code.str.contains(r"^\d{5}$"))
    place = [pl.col(name) for name in _COORDINATES]
    beyond = (place[0].abs() > 90) | (place[1].abs() > 180) | ((place[0] == 0) & (place[1] == 0))  # noqa: PLR2004
    rules["impossible_coordinates"] = (place[0].is_not_null() & place[1].is_not_null(), beyond)
    return rules


def roll_checks(properties: pl.LazyFrame, sales: pl.DataFrame, as_of: date | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each check of the roll."""
    rules = _home_rules()
    parts = pl.col("land_value") + pl.col("improvement_value")
    apart = (parts - pl.col("assessed_value")).abs() > 1
    rules["parts_do_not_add_up"] = (parts.is_not_null() & pl.col("assessed_value").is_not_null(), apart)
    if as_of is not None:
        rules["built_in_the_future"] = (pl.col("year_built").is_not_null(), pl.col("year_built") > as_of.year)
    yield from _rows(rules, "properties", properties, "parcel_number")
    last = properties.select("parcel_number", "last_sale_date")
    watched = pl.col("last_sale_date").is_between(sales["sale_date"].min(), sales["sale_date"].max())
    told = last.filter(watched).collect()
    recorded = sales.select("parcel_number", pl.col("sale_date").alias("last_sale_date"))
    bad = told.join(recorded, on=["parcel_number", "last_sale_date"], how="anti")["parcel_number"]
    yield _row("last_sale_not_recorded", "properties", len(bad), told.height, bad)


def _rows(rules: _Rules, measure: str, records: pl.LazyFrame, key: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each rule; all are counted at once, and the records that fail looked up where some do."""
    told = {f"judged {name}": judged.fill_null(value=False) for name, (judged, _) in rules.items()}
    fail = {f"fails {name}": (judged & fails).fill_null(value=False) for name, (judged, fails) in rules.items()}
    marked = records.select(**told, **fail).collect()
    keys = records.select(key).collect().to_series()
    for name in rules:
        bad = keys.filter(marked[f"fails {name}"])
        yield _row(name, measure, len(bad), int(marked[f"judged {name}"].sum()), bad)


def _row(name: str, measure: str, n: int, of: int, bad: pl.Series) -> dict[str, Any]:
    examples = bad.drop_nulls().unique().sort().head(_NAMED)
    note = f"such as {', '.join(examples)}" if len(examples) else None
    return {"name": name, "measure": measure, "n": n, "of": of, "value": n / of if of else None, "note": note}


def gaps(days: pl.Series, least: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each pause between days with a sale that is at least ``least`` days long, the longest first."""
    known = days.drop_nulls().unique().sort()
    pauses = pl.DataFrame({"first_date": known[:-1], "last_date": known[1:]})
    lasting = pauses.with_columns(n=(pl.col("last_date") - pl.col("first_date")).dt.total_days())
    for row in (
        lasting.filter(pl.col("n") >= least).sort(["n", "first_date"], descending=[True, False]).iter_rows(named=True)
    ):
        yield {"name": "sale_date", "measure": "days_without_sale", **row}
