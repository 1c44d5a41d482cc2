"""From a market to the series of its groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Caution
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_forecast import series
from terrafusion.analysis.price_forecast.methods import LEAST
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters
from terrafusion.analysis.price_forecast.series import Series


@dataclass(frozen=True)
class Engine:
    """The sales of full periods, with ``group_code`` and ``ordinal``; periods count from ``begin``."""

    market: Market
    parameters: PriceForecastParameters

    @cached_property
    def sales(self) -> pl.DataFrame:
        """The sales of periods that are over."""
        return self.market.sales.filter(pl.col("ordinal").is_in(list(self.market.full)))

    @property
    def begin(self) -> int:
        """The number of the first period."""
        ordinals = self.market.calendar["ordinal"]
        return int(ordinals[0]) if len(ordinals) else 0

    @cached_property
    def design(self) -> indexes.Design:
        """The sales as the hedonic index takes them."""
        return indexes.design(self.sales)

    @property
    def is_hedonic(self) -> bool:
        """Whether quality is held constant: as asked, else where a characteristic is known."""
        return self.parameters.index_method != "median" and bool(self.design.characteristics)

    def warnings(self) -> Iterator[Caution]:
        """Tell what the index leaves out."""
        if self.parameters.index_method != "median":
            yield from self.design.warnings

    def groups(self) -> list[Series]:
        """Return the series of every group, in the order of their labels."""
        return self._all(self.design if self.is_hedonic else None, self.sales, len(self.market.labels))

    def whole(self) -> Series:
        """Return the series of all sales together."""
        together = self.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
        return self._all(self.design.as_one_group() if self.is_hedonic else None, together, 1)[0]

    def _all(self, design: indexes.Design | None, sales: pl.DataFrame, count: int) -> list[Series]:
        found = dict(self._medians(sales) if design is None else self._hedonic(design))
        return [found.get(code) or series.nothing(0) for code in range(count)]

    def _hedonic(self, design: indexes.Design) -> Iterator[tuple[int, Series]]:
        if design.sales.is_empty():
            return
        ordered = indexes.Design(
            design.sales.sort("group_code", maintain_order=True), design.characteristics, design.by_zip
        )
        for code, ordinals, sample in indexes.samples(ordered):
            yield code, series.hedonic(sample, ordinals - self.begin, least=self.parameters.min_sales, begin=LEAST)

    def _medians(self, sales: pl.DataFrame) -> Iterator[tuple[int, Series]]:
        placed = sales.select("group_code", price="sale_price", place=pl.col("ordinal") - self.begin)
        for part in placed.partition_by("group_code", maintain_order=True):
            places = np.sort(part["place"].unique().to_numpy()).astype(np.int64)
            found = series.medians(part, places, least=self.parameters.min_sales, begin=LEAST)
            yield int(part["group_code"][0]), found
