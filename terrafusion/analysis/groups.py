"""Groups: the columns that sales are told apart by, as one label and one code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.profile import CountyProfile

MARKET_AREA: Final = "market_area"
ALL: Final = "all"
"""The label of the one group of all sales."""

_RADIX: Final = 1 << 16
"""What numbers of 16 bits stay below, which are sorted without comparing them."""


def columns_of(group_by: Sequence[str]) -> list[str]:
    """Name the columns that must be there to group by."""
    return [name for name in group_by if name in SALES_SCHEMA or name == MARKET_AREA]


def area_of(profile: CountyProfile) -> pl.Expr:
    """Return each sale's market area: that of its neighborhood, else that of its ZIP; null outside of all."""
    areas = profile.market_areas.items()
    neighborhoods = {name: area for area, parts in areas for name in parts.neighborhoods}
    zip_codes = {code: area for area, parts in areas for code in parts.zip_codes}
    found = [
        pl.col(column).replace_strict(mapped, default=None, return_dtype=pl.String)
        for column, mapped in (("neighborhood", neighborhoods), ("zip_code", zip_codes))
        if mapped
    ]
    return pl.coalesce(*found, pl.lit(None, pl.String)).alias(MARKET_AREA)


def level_name(group_by: Sequence[str]) -> str:
    """Say how the groups are told apart: ``zip_code``, ``zip_code|sale_year``, ``county``."""
    return "|".join(group_by) or COUNTY


def label_of(group_by: Sequence[str]) -> pl.Expr:
    """Return each sale's group: the values joined by ``|``, or ``all``; null where a value is missing."""
    named = [_text(name) for name in group_by if name != COUNTY]
    if not named:
        return pl.lit(ALL)
    return named[0] if len(named) == 1 else pl.concat_str(named, separator="|")


def name_of(group_by: Sequence[str]) -> pl.Expr:
    """Return the same for sales that are told apart by it and nothing else: of one group an Enum, a byte a sale."""
    return pl.lit(ALL, pl.Enum([ALL])) if set(group_by) <= {COUNTY} else label_of(group_by)


def _text(name: str) -> pl.Expr:
    day = pl.col("sale_date")
    if name == "sale_year":
        return day.dt.strftime("%Y")
    if name == "sale_month":
        return day.dt.strftime("%Y-%m")
    if name == "sale_quarter":
        return pl.format("{}-Q{}", day.dt.year(), day.dt.quarter())
    value = pl.col(name)
    if isinstance(SALES_SCHEMA.get(name), pl.String):
        return value
    if isinstance(SALES_SCHEMA.get(name), pl.Float64):
        whole = value.round(0).cast(pl.Int64, strict=False)
        return pl.when(value == whole).then(whole.cast(pl.String)).otherwise(value.cast(pl.String))
    return value.cast(pl.String)


def with_codes(sales: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Add ``group_code`` (Int32, in the labels' order) to sales with a ``group``; also return the labels."""
    code, labels = coded(sales["group"])
    return sales.drop("group").with_columns(code.alias("group_code")), labels


def coded(names: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return each name's place (Int32) in the sorted distinct names, and these; ``names`` are texts, or `as_enum` of more of them."""
    kind = names.dtype
    if not isinstance(kind, pl.Enum):
        return coded(as_enum(names))
    places, labels = names.to_physical(), kind.categories.alias(names.name)
    used = np.bincount(places.drop_nulls().to_numpy(), minlength=len(labels)) > 0
    if used.all():
        return places.cast(pl.Int32), labels
    place = pl.Series(names.name, np.cumsum(used) - 1, dtype=pl.Int32)
    return place.gather(places), labels.filter(pl.Series(used))


def as_enum(names: pl.Series) -> pl.Series:
    """Return texts as an Enum of the sorted distinct ones. As a query, for a query uses all cores."""
    named = pl.LazyFrame([names.alias("name")])
    labels = named.group_by("name").agg().collect().to_series().drop_nulls().sort()
    return named.select(pl.col("name").cast(pl.Enum(labels)).alias(names.name)).collect().to_series()


def numbered(names: pl.Series) -> NDArray[np.int64]:
    """Return a hash of each name: of a million, two share one with a chance of one in 30 million."""
    numbers: NDArray[np.int64] = names.hash().reinterpret(signed=True).to_numpy()
    return numbers


def in_order(codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the places of sales by ascending code (none below 0), those of one code in the order in which they stand.

    By radix, the lowest 16 bits first.
    """
    places = np.argsort(codes.astype(np.uint16, copy=False), kind="stable")
    return places if codes.max(initial=0) < _RADIX else places[in_order((codes >> 16)[places])]


def firsts(ordered: NDArray[Any]) -> Flags:
    """Say which of values that stand in order are not equal to the one before them."""
    return np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]


def ranks(values: NDArray[np.int64] | Floats) -> NDArray[np.int64]:
    """Return each value's place among the distinct ones in ascending order, from 0."""
    places = np.argsort(values)
    ordered = values[places]
    found = np.empty_like(places)
    found[places] = np.cumsum(np.append(False, ordered[1:] != ordered[:-1]))
    return found


def compressed(values: Codes) -> tuple[Codes, Codes]:
    """Return the distinct values in order, and each value's place among them."""
    lowest = values.min()
    present = np.bincount(values - lowest) > 0
    return np.flatnonzero(present) + lowest, (np.cumsum(present) - 1)[values - lowest]
