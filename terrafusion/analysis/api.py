"""What an analysis is: its name, its parameters, its function. A new one is one file that registers one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

import polars as pl
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from terrafusion.analysis.facts import Facts
from terrafusion.analysis.places import area_column
from terrafusion.analysis.profile import CountyProfile

BESIDE_SALES: Final = frozenset({"properties", "listings"})

P = TypeVar("P", bound=BaseModel)

Progress = Callable[[float, str], None]
"""Told the fraction done (0 to 1) and what is being done. Cheap; call it as often as there is news."""


@dataclass(frozen=True, slots=True)
class Records:
    """One county's records as one data version holds them."""

    county_id: str
    data_version: str
    sales: pl.LazyFrame
    """Columns of `terrafusion.analysis.frames.SALES_SCHEMA`."""
    profile: CountyProfile = field(default_factory=CountyProfile)
    properties: pl.LazyFrame | None = None
    """Columns of `PROPERTIES_SCHEMA`; None where the county has none, or the analysis does not say that it reads them."""
    listings: pl.LazyFrame | None = None
    """Columns of `LISTINGS_SCHEMA`; None likewise."""
    kept: Facts | None = None
    """The facts of ``sales``, where somebody keeps them for further questions on the same."""

    @property
    def facts(self) -> Facts:
        """What the sales tell whatever is asked."""
        return self.kept or Facts(self.sales)


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader of the answer must know: a stable code and one sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an analysis found. ``table`` is what the Parquet file holds; None where there is nothing to list."""

    summary: Mapping[str, Any]
    data_quality: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[Caution] = ()
    trends: pl.DataFrame | None = None
    rows: pl.DataFrame | None = None
    table: pl.DataFrame | None = None
    pictures: Mapping[str, Any] = field(default_factory=dict)
    """What pictures are drawn from that neither rows nor points tell: counts and bounds, JSON values, at most some 100 kB."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request that is worth making: what one learns from it, and its parameters."""

    title: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    county_id: str | None = None
    """Where the parameters are of one county alone."""


@dataclass(frozen=True, slots=True)
class Analysis(Generic[P]):
    """One entry of the catalogue."""

    name: str
    question: str
    """A sentence that tells what it answers."""
    parameters: type[P]
    compute: Callable[[Records, P, Progress], Answer]
    needs: Sequence[str] = ()
    """Columns without which it cannot answer: of sales, or such as `properties.year_built`, `listings.list_date`."""
    uses: Sequence[str] = ()
    """What it reads beside sales where the county has it: `properties`, `listings`, or columns of them."""
    aliases: Sequence[str] = ()
    not_for: str = ""
    """A sentence or two that tell when it is the wrong question, and which is the right one."""
    examples: Sequence[Example] = ()

    @property
    def beside_sales(self) -> frozenset[str]:
        """The kinds of records, other than sales, that it reads."""
        return frozenset(name.partition(".")[0] for name in (*self.needs, *self.uses)) & BESIDE_SALES

    def answer(self, records: Records, parameters: P, progress: Progress) -> Answer:
        """Compute on one thread of linear algebra, of which more change the last digits, from what it says it reads."""
        read = self.beside_sales
        given = replace(
            records,
            properties=records.properties if "properties" in read else None,
            listings=records.listings if "listings" in read else None,
        )
        with threadpool_limits(1):
            found = self.compute(given, parameters, progress)
        return replace(found, pictures={**found.pictures, **_placed(found, records)})


def _placed(found: Answer, records: Records) -> dict[str, Any]:
    """Return the map of the areas that an answer tells of, where their sales have coordinates."""
    column = area_column(found.summary)
    drawn = None if column is None else records.facts.map_of(column)
    return {} if drawn is None else {"map": drawn}
