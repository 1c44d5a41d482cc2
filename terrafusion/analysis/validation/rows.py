"""The rows of the answer: one a sale, with its verdict and the group that it was judged in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis import periods
from terrafusion.analysis.document import ROWS_INLINE
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reasons import VALIDATION_RULES
from terrafusion.analysis.validation.statistics import Context, Window
from terrafusion.analysis.validation.verdicts import Verdicts

FIXED: Final = (
    "sale_id",
    "parcel_number",
    "valid",
    "reason_codes",
    "z_price",
    "z_unit_price",
    "group_judged",
    "group_n",
    "rules_version",
)
CONTEXT: Final = (
    "sale_date",
    "sale_price",
    "unit_price",
    "own_group",
    "level_judged",
    "window_start",
    "window_end",
    "mean_log_price",
    "sd_log_price",
    "lowest_price",
    "highest_price",
    "unit_price_n",
    "mean_log_unit_price",
    "sd_log_unit_price",
    "valid_by_rules",
    "override_valid",
    "override_reason",
    "override_source",
    "override_decided_by",
    "override_decided_on",
)


def rows_of(
    sales: pl.DataFrame, context: Context, told: Verdicts, windows: Sequence[Window], parameters: ValidationParameters
) -> pl.DataFrame:
    """Put everything beside each sale; what a sale was not judged by is null."""
    columns = chain(_told(context, told, parameters), _bounds(windows).items())
    series = [pl.Series(name, values, nan_to_null=True) for name, values in columns]
    return sales.with_columns(*series, pl.lit(VALIDATION_RULES).alias("rules_version"), own_group="group").select(
        *FIXED, *CONTEXT
    )


def _told(context: Context, told: Verdicts, parameters: ValidationParameters) -> Iterator[tuple[str, Any]]:
    """Yield the columns one by one: all of them twice, as arrays and as series, would be half the file."""
    judged = context.judged.is_not_null().to_numpy()
    price, unit = context.price, context.unit
    enough = judged & (unit.n >= parameters.min_group)
    yield "valid", told.valid
    yield "reason_codes", told.reasons
    yield "z_price", context.z_price
    yield "z_unit_price", context.z_unit
    yield "group_judged", context.judged
    yield "group_n", price.n
    yield "level_judged", context.level
    yield "mean_log_price", np.where(judged, price.mean, np.nan)
    yield "sd_log_price", np.where(judged, price.sd, np.nan)
    yield "lowest_price", np.exp(np.where(judged, price.mean - parameters.sd_low * price.sd, np.nan))
    yield "highest_price", np.exp(np.where(judged, price.mean + parameters.sd_high * price.sd, np.nan))
    yield "unit_price_n", unit.n
    yield "mean_log_unit_price", np.where(enough, unit.mean, np.nan)
    yield "sd_log_unit_price", np.where(enough, unit.sd, np.nan)
    yield "valid_by_rules", told.by_rules


def inline(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that the document has room for: those of sales that are not valid before those that are."""
    places = [fits.arg_true().head(ROWS_INLINE) for fits in (~rows["valid"], rows["valid"])]
    return rows[pl.concat(places).head(ROWS_INLINE)]


def _bounds(windows: Sequence[Window]) -> dict[str, pl.Series]:
    """Return the first and the last day of the window that each sale is judged in."""
    first, *others = map(_days, windows)
    for window, days in zip(windows[1:], others, strict=True):
        judges = pl.Series(window.judges)
        first = {name: days[name].zip_with(judges, day) for name, day in first.items()}
    return first


def _days(window: Window) -> dict[str, pl.Series]:
    distinct = pl.Series(window.ordinal).unique().sort().to_numpy()
    place = np.searchsorted(distinct, window.ordinal)
    starts = [periods.start(int(last) - window.length + 1, window.period) for last in distinct]
    ends = [periods.start(int(last) + 1, window.period) - timedelta(days=1) for last in distinct]
    days = {"window_start": starts, "window_end": ends}
    return {name: pl.Series(each, dtype=pl.Date).gather(place) for name, each in days.items()}
