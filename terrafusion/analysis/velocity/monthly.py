"""Sales by calendar month, whatever the periods of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.arrays import Floats
from terrafusion.analysis.market import Market
from terrafusion.analysis.velocity import supply

YEARS_ALONE: Final = "of some sales only the year is known"

Days = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Monthly:
    """The number of sales of each group (rows) in consecutive months (columns); nan in a partial month."""

    volumes: Floats
    ends: Days
    """The last day of each month, in days since 1970."""
    first_month: int
    """1 to 12."""
    known: bool = True
    """Whether of every sale more than the year is known."""

    def too_short(self, least: int) -> str | None:
        """Say why so many months cannot be looked at; None where they can."""
        months = self.full_months()[0].shape[-1]
        if not self.known:
            return YEARS_ALONE
        return None if months >= least else f"{months} full months; {least} are needed"

    def pace(self, days: Days, months: int) -> Floats:
        """Return each group's mean monthly sales in the trailing months, as of the last month over by each day."""
        trailing = supply.pace(self.volumes, months)
        before = np.full((len(trailing), 1), np.nan)
        return np.hstack([before, trailing])[:, np.searchsorted(self.ends, days, side="right")]

    def full_months(self) -> tuple[Floats, int]:
        """Return the volumes from the first to the last full month, and which month of the year the first is."""
        full = np.flatnonzero(~np.isnan(self.volumes).all(axis=0)) if len(self.volumes) else np.empty(0, np.int64)
        if not len(full):
            return self.volumes[:, :0], 1
        return self.volumes[:, full[0] : full[-1] + 1], (self.first_month - 1 + int(full[0])) % 12 + 1


def monthly(market: Market) -> Monthly:
    """Count the sales of a market told apart by month."""
    calendar = market.calendar
    volumes = np.zeros((len(market.labels), calendar.height))
    if calendar.is_empty():
        return Monthly(volumes, np.empty(0, np.int64), 1)
    place = market.sales["group_code"].to_numpy() * calendar.height + (
        market.sales["ordinal"].to_numpy() - calendar["ordinal"][0]
    )
    volumes += np.bincount(place, minlength=volumes.size).reshape(volumes.shape)
    volumes[:, calendar["partial"].to_numpy()] = np.nan
    ends = calendar["period_end"].cast(pl.Int32).to_numpy().astype(np.int64)
    return Monthly(volumes, ends, int(calendar["period_start"][0].month))
