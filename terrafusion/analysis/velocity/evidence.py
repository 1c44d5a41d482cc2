"""What the figures are made of: spells between sales, the roll, listings, volumes by month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.frames import LISTINGS_SCHEMA
from terrafusion.analysis.survey import Survey
from terrafusion.analysis.velocity import roll, supply
from terrafusion.analysis.velocity.monthly import YEARS_ALONE, Monthly, monthly
from terrafusion.analysis.velocity.parameters import SalesVelocityParameters
from terrafusion.analysis.velocity.seasons import LEAST
from terrafusion.analysis.velocity.spells import gains_of, spells_of

ABSENT: Final = "listing data absent"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one way to tell sales apart by group."""

    spells: pl.DataFrame
    gains: pl.DataFrame
    parcels: pl.DataFrame
    matched: pl.DataFrame
    listings: pl.DataFrame
    """Those that lie in a group."""
    listings_read: int
    covered: tuple[int, int] | None
    """From which to which day, since 1970, listings were recorded."""
    monthly: Monthly
    supply_months: int
    unavailable: Mapping[str, str]
    """Measures that cannot be told, and why."""

    def together(self, survey: Survey, parameters: SalesVelocityParameters) -> Evidence:
        """Return the evidence of all sales as one group; ``survey`` has them so."""
        one = pl.lit(0, pl.Int32)
        return _gathered(survey, parameters, self.spells.with_columns(group_code=one, next_group_code=one))


def evidence_of(survey: Survey, parameters: SalesVelocityParameters) -> Evidence:
    """Gather the evidence of the groups of a survey."""
    return _gathered(survey, parameters, spells_of(_dated(survey)))


def _dated(survey: Survey) -> pl.DataFrame:
    """Return the sales between which days can be counted: none where only the year is known of any.

    Without those alone, a home's sales before and after one would look like one long hold.
    """
    sales = survey.market.sales
    return sales.clear() if _of_years(survey) else sales


def _of_years(survey: Survey) -> bool:
    return bool(survey.selection.used["year_only"].any())


def _gathered(survey: Survey, parameters: SalesVelocityParameters, spells: pl.DataFrame) -> Evidence:
    counted = roll.parcels(survey)
    known = survey.records.listings
    listings = pl.DataFrame(schema=LISTINGS_SCHEMA) if known is None else known.collect()
    here, unplaced = roll.placed(survey, listings)
    by_month = _by_month(survey)
    lacking = ABSENT if listings.is_empty() else None
    undated = None if by_month.known else YEARS_ALONE
    reasons = {
        "turnover": counted.unavailable,
        "hold_days": undated,
        "resold_share": undated,
        "gain": undated,
        "seasonality": by_month.too_short(LEAST),
        "active_listings": lacking or unplaced,
        "months_of_supply": lacking or unplaced or by_month.too_short(parameters.supply_months),
        "days_on_market": lacking or undated,
        "sale_to_list": lacking or undated,
    }
    return Evidence(
        spells=spells,
        gains=gains_of(spells, min_hold_months=parameters.min_hold_months),
        parcels=counted.parcels,
        matched=supply.matched(_dated(survey), listings, within=parameters.match_days),
        listings=here,
        listings_read=listings.height,
        covered=supply.coverage(listings),
        monthly=by_month,
        supply_months=parameters.supply_months,
        unavailable={name: reason for name, reason in reasons.items() if reason},
    )


def _by_month(survey: Survey) -> Monthly:
    """Count by month; of sales of which only the year is known no month is."""
    counted = monthly(survey.by_month().market)
    if not _of_years(survey):
        return counted
    return replace(counted, volumes=np.full_like(counted.volumes, np.nan), known=False)
