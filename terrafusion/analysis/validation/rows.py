"""The rows of the answer: one a sale, with its verdict and the group that it was judged in."""

from __future__ import annotations

from typing import Final

import polars as pl

from terrafusion.analysis.document import ROWS_INLINE
from terrafusion.analysis.validation.reasons import VALIDATION_RULES
from terrafusion.analysis.validation.statistics import Judges
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


def rows_of(sales: pl.DataFrame, judges: Judges, scores: pl.DataFrame, told: Verdicts) -> pl.DataFrame:
    """Put everything beside each sale; what a sale was not judged by is null."""
    return sales.with_columns(
        *scores,
        *judges.groups[judges.of_sale],
        pl.Series("valid", told.valid),
        pl.Series("valid_by_rules", told.by_rules),
        told.reasons.alias("reason_codes"),
        pl.lit(VALIDATION_RULES).alias("rules_version"),
        own_group="group",
    ).select(*FIXED, *CONTEXT)


def inline(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that the document has room for: those of sales that are not valid before those that are."""
    places = [fits.arg_true().head(ROWS_INLINE) for fits in (~rows["valid"], rows["valid"])]
    return rows[pl.concat(places).head(ROWS_INLINE)]
