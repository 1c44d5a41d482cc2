"""What sales chasing would leave behind: values of sold parcels that moved, or stand, apart from those of unsold ones.

IAAO, Standard on Ratio Studies (2013), appendix E: compare the changes in value, and the average unit values, of
sold and unsold parcels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.roll import Roll
from terrafusion.analysis.coverage.two_samples import Within, within
from terrafusion.analysis.groups import coded

UNIT, CHANGE = "assessed_value_per_sqft", "assessed_value"
_NEEDED: Final = 30

_APART: Final = ("neighborhood", "zip_code")


def chasing(roll: Roll, sales: pl.LazyFrame, parameters: CoverageParameters) -> Iterator[dict[str, Any]]:
    """Yield one row for unit values and one for changes of value, or why there is none.

    ``sales`` are all sales read: what was assessed before ``start_date`` stands in the sales of before.
    """
    level = parameters.confidence_level
    units, strata = _unit_values(roll.parcels)
    named = {
        "name": UNIT,
        "measure": "unit_value_difference_pct",
        "group": f"within {' and '.join(strata) or 'the county'}",
    }
    yield named | _told(_compared(units, level), "parcels with an assessed value and a size")
    named = {"name": CHANGE, "measure": "value_change_difference_pct", "group": "within the year of the earlier value"}
    if parameters.start_date is None:
        why = "not told: needs start_date; what was assessed before it stands in the sales of before"
        yield named | {"note": why}
        return
    yield named | _told(_compared(_changes(roll.parcels, sales, parameters), level), "parcels with an earlier value")


def _unit_values(parcels: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the log unit value of each parcel and its stratum: property type, and the finest area that is known."""
    area = next((name for name in _APART if parcels[name].null_count() < parcels.height), None)
    strata = [name for name in ("property_type", area) if name and parcels[name].null_count() < parcels.height]
    values = [pl.col(name) for name in ("assessed_value", "building_size_sqft")]
    known = parcels.select(*values, "is_sold", *strata).filter(value > 0 for value in values).drop_nulls(strata)
    log_value = (values[0] / values[1]).log().alias("log_value")
    stratum = pl.concat_str(strata, separator="|") if strata else pl.lit("all")
    return known.select(log_value, "is_sold", stratum.alias("stratum")), strata


def _changes(parcels: pl.DataFrame, sales: pl.LazyFrame, parameters: CoverageParameters) -> pl.DataFrame:
    """Return each parcel's ln of the roll's value over that recorded with its last sale before ``start_date``."""
    before = sales.filter(pl.col("sale_date") < parameters.start_date, pl.col("assessed_value") > 0)
    known = before.select("parcel_number", "sale_date", "sale_id", "assessed_value").collect()
    last = known.sort("sale_date", "sale_id", "assessed_value").unique("parcel_number", keep="last")
    earlier = last.drop_nulls("parcel_number").select(
        "parcel_number",
        pl.col("assessed_value").alias("earlier"),
        pl.col("sale_date").dt.strftime("%Y").alias("stratum"),
    )
    valued = parcels.select("parcel_number", "assessed_value", "is_sold").filter(pl.col("assessed_value") > 0)
    joined = valued.join(earlier, on="parcel_number", maintain_order="left")
    return joined.select((pl.col("assessed_value") / pl.col("earlier")).log().alias("log_value"), "is_sold", "stratum")


def _compared(values: pl.DataFrame, confidence_level: float) -> tuple[Within | None, int, int]:
    code, _ = coded(values["stratum"])
    is_sold = values["is_sold"].to_numpy()
    found = within(values["log_value"].to_numpy(), is_sold, code.to_numpy().astype(np.int64), confidence_level)
    return found, int(is_sold.sum()), len(is_sold) - int(is_sold.sum())


def _told(compared: tuple[Within | None, int, int], what: str) -> dict[str, Any]:
    found, sold, unsold = compared
    sides = (found.sold, found.unsold) if found is not None else (sold, unsold)
    if found is None or min(sides) < _NEEDED:
        return {
            "n": sold,
            "of": sold + unsold,
            "note": f"not told: {sides[0]} sold and {sides[1]} unsold {what}; {_NEEDED} of each are needed",
        }
    value, low, high = (100 * np.expm1(end) for end in found.difference)
    row = {"n": found.sold, "of": found.sold + found.unsold, "value": value, "ci_low": low, "ci_high": high}
    said = "unclear" if not (low > 0 or high < 0) else "higher" if low > 0 else "lower"
    verdict = said if np.isfinite(found.t) else None
    tested = {"test": "t, HC1", "statistic": found.t, "degrees_of_freedom": found.freedom, "p_value": found.p_value}
    return row | tested | {"verdict": verdict, "note": None if verdict else "no interval: the difference does not vary"}
