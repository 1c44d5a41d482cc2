"""From a market to the series of its groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Caution
from terrafusion.analysis.market import Market
from terrafusion.analysis.price_forecast import series
from terrafusion.analysis.price_forecast.methods import LEAST
from terrafusion.analysis.price_forecast.parameters import PriceForecastParameters
from terrafusion.analysis.price_forecast.series import Series


@dataclass(frozen=True, slots=True)
class Engine:
    """What the series are made of, from the sales of periods that are over."""

    sales: pl.DataFrame
    """Their ``group_code``, ``ordinal`` and ``sale_price``."""
    design: indexes.Design | None
    """The sales as the hedonic index takes them; None where medians are asked for."""
    groups: int
    begin: int
    """The number of the first period."""
    parameters: PriceForecastParameters

    @classmethod
    def of(cls, market: Market, parameters: PriceForecastParameters) -> Engine:
        """Take a market, which may be empty."""
        ordinals = market.calendar["ordinal"]
        begin = int(ordinals[0]) if len(ordinals) else 0
        over = market.sales.filter(pl.col("ordinal").is_in(list(market.full)))
        design = None if parameters.index_method == "median" else indexes.design(over)
        sales = over.select("group_code", "ordinal", "sale_price")
        return cls(sales, design, len(market.labels), begin, parameters)

    def as_one_group(self) -> Engine:
        """Return the same sales as one group."""
        together = self.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
        return replace(self, sales=together, design=self.design and self.design.as_one_group(), groups=1)

    @property
    def is_hedonic(self) -> bool:
        """Whether quality is held constant: as asked, else where a characteristic is known."""
        return self.design is not None and self.design.characteristics != ()

    def warnings(self) -> tuple[Caution, ...]:
        """Tell what the index leaves out."""
        return self.design.warnings if self.design else ()

    def series(self) -> list[Series]:
        """Return the series of every group, in the order of their codes."""
        found = dict(self._hedonic(self.design) if self.design and self.is_hedonic else self._medians())
        return [found.get(code) or series.nothing(0) for code in range(self.groups)]

    def _hedonic(self, design: indexes.Design) -> Iterator[tuple[int, Series]]:
        for code, ordinals, sample in indexes.samples(design):
            yield code, series.hedonic(sample, ordinals - self.begin, least=self.parameters.min_sales, begin=LEAST)

    def _medians(self) -> Iterator[tuple[int, Series]]:
        placed = self.sales.select("group_code", price="sale_price", place=pl.col("ordinal") - self.begin)
        for part in placed.partition_by("group_code", maintain_order=True):
            places = np.sort(part["place"].unique().to_numpy()).astype(np.int64)
            found = series.medians(part, places, least=self.parameters.min_sales, begin=LEAST)
            yield int(part["group_code"][0]), found
