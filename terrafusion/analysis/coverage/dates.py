"""What can be counted by period, where of some sales only the year is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.findings import counted

_UNDATED: Final = pl.col("year_only").fill_null(value=False)
_YEARS: Final = {"year", "auto"}
_FINE_GROUPS: Final = ("sale_quarter", "sale_month")


@dataclass(frozen=True, slots=True)
class Dating:
    """The period by which sales are counted, and what is too fine for those without a day."""

    period: str
    years: int
    """Of how many of the selected sales only the year is known."""
    asked: str
    fine_group: str | None
    """What ``group_by`` names that they have none of."""

    @property
    def fine(self) -> str | None:
        """What they are in none of, if anything."""
        return self.fine_group or (None if self.period in _YEARS else self.period)

    def counted(self, sales: pl.DataFrame) -> pl.DataFrame:
        """Return the sales that have a place among the groups and periods."""
        return dated(sales) if self.fine else sales

    def unplaced(self, used: pl.DataFrame) -> pl.DataFrame:
        """Return each ``group`` whose sales, ``n``, have no place among the periods."""
        groups = used.group_by("group").agg(pl.len().alias("n"), _UNDATED.all().alias("undated")).sort("group")
        placed = self.fine_group is not None or self.fine is None
        return groups.filter("undated", not placed).select("group", "n")

    def cautions(self) -> Iterator[Caution]:
        """Tell what became of the others."""
        if not self.years:
            return
        message = f"Of {counted(self.years, 'sale')} only the year is known"
        if self.fine:
            yield Caution("year_only", f"{message}: in no {self.fine}, and counted in no cell")
        elif self.period != self.asked:
            yield Caution("year_only", f"{message}: all sales are counted by year, not by {self.asked}")
        else:
            yield Caution("year_only", f"{message}; counted as of 1 July")


def dated(sales: pl.DataFrame) -> pl.DataFrame:
    """Leave out the sales of which only the year is known."""
    return sales.filter(~_UNDATED)


def within(sales: pl.DataFrame, period: str) -> pl.DataFrame:
    """Return the sales that have a place among periods of that length."""
    return sales if period == "year" else dated(sales)


def dating_of(used: pl.DataFrame, parameters: CoverageParameters) -> Dating:
    """Count by years where those without a day are the most, and leave them out of finer periods and groups where not."""
    years, asked = int(used.select(_UNDATED.sum()).item()), parameters.period
    fine_group = next((name for name in parameters.group_by if name in _FINE_GROUPS), None)
    by_years = 2 * years > used.height and asked != "auto" and fine_group is None
    return Dating("year" if by_years else asked, years, asked, fine_group)
