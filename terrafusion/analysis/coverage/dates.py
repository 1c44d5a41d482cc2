"""What can be counted by period, where of some sales only the year is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.coverage.parameters import CoverageParameters

_UNDATED: Final = pl.col("year_only").fill_null(value=False)
_YEARS: Final = {"year", "auto"}
_FINE_GROUPS: Final = {"sale_quarter", "sale_month"}


@dataclass(frozen=True, slots=True)
class Dating:
    """The period by which sales are counted, and whether it is too fine for those without a day."""

    period: str
    fine: bool
    years: int
    """Of how many of the selected sales only the year is known."""
    asked: str

    def counted(self, sales: pl.DataFrame) -> pl.DataFrame:
        """Return the sales that have a place among the periods."""
        return dated(sales) if self.fine else sales

    def cautions(self) -> Iterator[Caution]:
        """Tell what became of the others."""
        if not self.years:
            return
        message = f"Of {self.years:,} sales only the year is known"
        if self.fine:
            yield Caution("year_only", f"{message}: they are in no {self.period}, and count in no cell")
        elif self.period != self.asked:
            yield Caution("year_only", f"{message}: sales are counted by year, not by {self.asked}")
        else:
            yield Caution("year_only", f"{message}; they count as of 1 July")


def dated(sales: pl.DataFrame) -> pl.DataFrame:
    """Leave out the sales of which only the year is known."""
    return sales.filter(~_UNDATED)


def dating_of(used: pl.DataFrame, parameters: CoverageParameters) -> Dating:
    """Count by years where those without a day are the most, and leave them out of finer periods where they are not."""
    years, asked = int(used.select(_UNDATED.sum()).item()), parameters.period
    period = "year" if 2 * years > used.height and asked != "auto" else asked
    fine = years > 0 and (period not in _YEARS or not _FINE_GROUPS.isdisjoint(parameters.group_by))
    return Dating(period, fine, years, asked)
