"""Which columns the records fill, since when, and where not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from terrafusion.analysis.frames import PROPERTIES_SCHEMA, SALES_SCHEMA
from terrafusion.analysis.indexes import COMPLETE_SHARE

ABSENT, PARTLY, COMPLETE = "absent", "partly", "complete"

_UNTOLD: Final = ("year_only",)
"""What the reader of files fills, not the county."""


def sales_fields(sales: pl.DataFrame, periods: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield a row for each column of sales: how many have it, from the first sale that does to the last, and since when.

    ``periods`` is `by_period`. ``period`` is the first from which on at least `COMPLETE_SHARE` of every period's
    sales have it.
    """
    since = _since(periods)
    for name in _named(SALES_SCHEMA):
        days = sales["sale_date"].filter(sales[name].is_not_null())
        span = {"first_date": days.min(), "last_date": days.max(), "period": since.get(name)}
        yield {"name": name, "measure": "sales", **_missing(sales[name]), **span}


def roll_fields(properties: pl.LazyFrame) -> Iterator[dict[str, Any]]:
    """Yield a row for each column of the roll."""
    parcels = int(properties.select(pl.len()).collect().item())
    for name in _named(PROPERTIES_SCHEMA):
        known = int(properties.select(pl.col(name).count()).collect().item())
        yield {"name": name, "measure": "properties", **_share(known, parcels)}


def by_period(sales: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Return ``name``, ``period``, ``n`` (that have it), ``of`` and ``value`` (share without) for every column and period.

    ``sales`` have the number of their period, ``ordinal``.
    """
    names = _named(SALES_SCHEMA)
    counted = sales.group_by("ordinal").agg(
        pl.len().cast(pl.Int64).alias("of"), *(pl.col(name).count() for name in names)
    )
    long = counted.unpivot(names, index=["ordinal", "of"], variable_name="name", value_name="n")
    named = long.join(calendar.select("ordinal", "period"), on="ordinal")
    order = pl.col("name").replace_strict({name: place for place, name in enumerate(names)}, return_dtype=pl.Int32)
    value = 1 - pl.col("n") / pl.col("of")
    return named.with_columns(order.alias("order"), value.alias("value")).sort("order", "ordinal")


def partly(periods: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the columns that some sales have and others lack."""
    whole = pl.col("n").sum().over("name")
    return periods.filter((whole > 0) & (whole < pl.col("of").sum().over("name")))


def _named(schema: Mapping[str, pl.DataType]) -> list[str]:
    return [name for name in schema if name not in _UNTOLD]


def _missing(column: pl.Series) -> dict[str, Any]:
    return _share(len(column) - column.null_count(), len(column))


def _share(known: int, of: int) -> dict[str, Any]:
    verdict = ABSENT if not known else COMPLETE if known == of else PARTLY
    return {"n": known, "of": of, "value": 1 - known / of if of else None, "verdict": verdict if of else None}


def _since(periods: pl.DataFrame) -> dict[str, str]:
    """Say of each column from which period on nearly all sales have it; nothing where the last period's do not."""
    found = {}
    for name, part in periods.group_by("name", maintain_order=True):
        enough = (part["value"] <= 1 - COMPLETE_SHARE + 1e-12).to_list()
        last_bad = max((place for place, good in enumerate(enough) if not good), default=-1)
        if last_bad + 1 < len(enough):
            found[str(name[0])] = part["period"][last_bad + 1]
    return found
