"""From the sales of a market to the estimates of its groups, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.groups import coded
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_index.estimate import Estimate, nothing
from terrafusion.analysis.price_index.hedonic_index import Placed, time_dummy
from terrafusion.analysis.price_index.imputation import imputation
from terrafusion.analysis.price_index.links import Ties
from terrafusion.analysis.price_index.pairs import one_a_period, pairs_of
from terrafusion.analysis.price_index.parameters import HEDONIC, REPEAT, Method, PriceIndexParameters
from terrafusion.analysis.price_index.repeat_sales import LOG_METHODS, Options, arithmetic
from terrafusion.analysis.price_index.stratified import strata_of, stratified_median

LOCATIONS: Final[Mapping[str, str | None]] = {"zip": "zip_code", "neighborhood": "neighborhood", "none": None}
"""The column of each kind of location effects."""

T = TypeVar("T")


@dataclass(frozen=True)
class Engine:
    """Sales with ``group_code`` and ``ordinal``, how many groups and periods there are, and what was asked."""

    sales: pl.DataFrame
    groups: int
    begin: int
    """The number of the first period."""
    periods: int
    parameters: PriceIndexParameters
    train_periods: int
    """Periods of the first index that is revised; `terrafusion.analysis.timing.NO_REVISIONS` where none is."""
    laid: indexes.Design | None = None
    """The `design`, where the sales no longer have what it is made of."""

    @classmethod
    def of(cls, market: Market, parameters: PriceIndexParameters, train_periods: int) -> Engine:
        """Take a market, which may be empty."""
        ordinals = market.calendar["ordinal"]
        begin = int(ordinals[0]) if len(ordinals) else 0
        return cls(market.sales, len(market.labels), begin, len(ordinals), parameters, train_periods)

    def spared(self) -> Engine:
        """Return the same without characteristics, which the `design` has too: two of each are as large as the file."""
        return replace(self, sales=self.sales.drop(indexes.CHARACTERISTICS, strict=False), laid=self.design)

    def as_one_group(self) -> Engine:
        """Return the same sales as one group."""
        together = self.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
        return replace(self, sales=together, groups=1, laid=self.laid and self.laid.as_one_group())

    @property
    def options(self) -> Options:
        """What the methods are told."""
        asked = self.parameters
        return Options(robust_errors=asked.robust_errors, weights=asked.weights, train_periods=self.train_periods)

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """The pairs of all groups; see `terrafusion.analysis.price_index.pairs.PAIRS`."""
        asked = self.parameters
        found = pairs_of(
            self.sales,
            every=asked.pairs == "all",
            min_hold_months=asked.min_hold_months,
            min_hold_periods=asked.min_hold_periods,
        )
        return found.sort("group_code", maintain_order=True)

    @cached_property
    def design(self) -> indexes.Design:
        """The sales as the hedonic methods take them."""
        if self.laid is not None:
            return self.laid
        asked = self.parameters
        location = LOCATIONS[asked.location_effects]
        wanted = indexes.Wanted(names=asked.characteristics, logs=asked.log_characteristics, location=location)
        return indexes.design(self._counted, wanted)

    @cached_property
    def _counted(self) -> pl.DataFrame:
        """The sales that count, for the methods that do not pair them."""
        return one_a_period(self.sales) if self.parameters.one_sale_a_period else self.sales

    def estimates(self, method: Method) -> list[Estimate]:
        """Estimate the index of every group, in the order of their codes."""
        return self.of_each(method, lambda estimate: estimate)

    def of_each(self, method: Method, told: Callable[[Estimate], T]) -> list[T]:
        """Return what is ``told`` of each group's estimate, whose T x T matrices are let go before the next."""
        found = {code: told(estimate) for code, estimate in self._estimates(method)}
        none = told(nothing(np.zeros(self.periods, np.int64), 0))
        return [found.get(code, none) for code in range(self.groups)]

    def _estimates(self, method: Method) -> Iterator[tuple[int, Estimate]]:
        if method in REPEAT:
            return self._repeat(method)
        return self._hedonic(method) if method in HEDONIC else self._stratified()

    def _repeat(self, method: Method) -> Iterator[tuple[int, Estimate]]:
        for code, part in _by_group(self.pairs):
            earlier, later = part["sale_price_1"].to_numpy(), part["sale_price_2"].to_numpy()
            first, second = (part[name].to_numpy().astype(np.int64) - self.begin for name in ("ordinal_1", "ordinal_2"))
            change = np.log(later) - np.log(earlier)
            ties = Ties(first, second, change, part["owner"].to_numpy(), self.periods)
            if method == "arithmetic":
                yield code, arithmetic(ties, earlier, later, self.options)
            else:
                yield code, LOG_METHODS[method](ties, self.options)

    def _hedonic(self, method: Method) -> Iterator[tuple[int, Estimate]]:
        estimate = time_dummy if method == "hedonic_time_dummy" else imputation
        for code, ordinals, sample in indexes.samples(self.design):
            yield code, estimate(Placed(sample, ordinals - self.begin, self.periods), self.options)

    def _stratified(self) -> Iterator[tuple[int, Estimate]]:
        place = (pl.col("ordinal") - self.begin).alias("place")
        laid = self._counted.select("group_code", "sale_price", self._stratum, place)
        for code, part in _by_group(laid if self.groups == 1 else laid.sort("group_code", maintain_order=True)):
            yield code, stratified_median(strata_of(part, self.periods), self.options)

    @property
    def _stratum(self) -> pl.Series:
        """A number for the stratum of each sale, ascending by the names of its area and type, joined."""
        numbers = pl.zeros(self._counted.height, pl.Int32, eager=True)
        told = [coded(self._told(name).cast(pl.String).fill_null("")) for name in self.strata]
        for code, values in told:
            numbers = numbers * len(values) + code
        names = pl.Series(["|".join(parts) for parts in product(*(values for _, values in told))], dtype=pl.String)
        return coded(names)[0].gather(numbers).alias("stratum")

    def _told(self, name: str) -> pl.Series:
        column, joined = self._counted[name], self.joined_types
        return column.replace(joined, joined[:1] * len(joined)) if joined and name == "property_type" else column

    @cached_property
    def strata(self) -> list[str]:
        """The columns that tell the strata of the stratified median apart."""
        place = LOCATIONS[self.parameters.location_effects]
        columns = [name for name in (place, "property_type") if name is not None]
        return [name for name in columns if self._tells(name)]

    @cached_property
    def joined_types(self) -> list[str]:
        """The property types that are no strata of their own, for there are too many: they make one together."""
        kinds = indexes.by_count(self.sales["property_type"]) if "property_type" in self.strata else []
        return kinds[indexes.MOST_TYPES :]

    def _tells(self, name: str) -> bool:
        column = self.sales[name]
        known = len(column) - column.null_count() >= indexes.COMPLETE_SHARE * len(column)
        return known and column.min() != column.max()


def _by_group(table: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Split what is sorted by group."""
    codes: Codes = table["group_code"].to_numpy()
    edges: list[Any] = [*np.flatnonzero(np.diff(codes, prepend=-1)), len(codes)]
    for begin, end in pairwise(edges):
        yield int(codes[begin]), table[int(begin) : int(end)]
