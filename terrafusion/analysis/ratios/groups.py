"""Sales laid out once, by ratio and by group, and the rows of all groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.api import Progress
from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.groups import ALL, coded, in_order
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.reading import classes_of
from terrafusion.analysis.ratios.rows import SCHEMA, Block, Rules, columns_of, to_rows
from terrafusion.analysis.ratios.sample import Ratios, by_ratio
from terrafusion.analysis.ratios.segments import Segments
from terrafusion.analysis.ratios.standard import CLASSES
from terrafusion.analysis.selection import Strays, is_within

_DAYS_A_YEAR: Final = 365.25
_AT_ONCE: Final = 1 << 16
"""Groups are measured together up to so many sales: what is made on the way stays in the cache."""


@dataclass(frozen=True, slots=True)
class Laid:
    """The sales as columns, by group and, within each, by ascending ratio and then by all else that is computed with."""

    value: Floats
    price: Floats
    recorded: Floats | None
    """The prices before they were adjusted; None where they were not."""
    days: Floats
    dated: Flags
    """Which sales tell how ratios move in time: not those beyond a long pause."""
    classes: NDArray[np.uint8]
    """Places among the standard's classes."""
    labels: pl.Series
    edges: Codes
    """Where each group begins, and the last one ends."""
    together: Codes
    """The places of all sales in the order that they have within groups."""

    def blocks(self) -> Iterator[tuple[pl.Series, Block]]:
        """Yield groups and their names, as many together as the cache holds, at least one."""
        first = 0
        while first < len(self.labels):
            after = max(int(np.searchsorted(self.edges, self.edges[first] + _AT_ONCE, side="right")) - 1, first + 1)
            begin, end = self.edges[[first, after]]
            yield self.labels[first:after], self._taken(slice(begin, end), self.edges[first : after + 1] - begin)
            first = after

    def whole(self) -> Block:
        """Return all sales together."""
        return self._taken(self.together, self.edges[[0, -1]])

    def _taken(self, which: Codes | slice, edges: Codes) -> Block:
        segments = Segments(edges)
        ratios = Ratios.ordered(self.value[which], self.price[which], segments)
        lowest, highest = (reduced(self.classes[which]) for reduced in (segments.lowest, segments.highest))
        return Block(
            ratios=ratios,
            recorded=ratios.ratio if self.recorded is None else ratios.assessed / self.recorded[which],
            years=self.days[which] / _DAYS_A_YEAR,
            dated=self.dated[which],
            classes=np.where(lowest == highest, lowest, len(CLASSES)).astype(np.int64),
        )


def laid_out(sales: pl.DataFrame, parameters: RatioParameters, beyond: Strays = (None, None)) -> Laid:
    """Lay out sales that have a ``group``, ``value``, ``price``, ``sale_price`` and ``sale_date``."""
    code, labels = coded(sales["group"])
    dated = sales.select(is_within(beyond)).to_series().to_numpy()
    days = sales["sale_date"].to_physical().cast(pl.Float64).to_numpy()
    value, price, recorded = (sales[name].to_numpy() for name in ("value", "price", "sale_price"))
    ordered = by_ratio(value / price, price, value, days, recorded)
    codes = code.to_numpy()[ordered]
    places = in_order(codes)
    together = np.empty_like(places)
    together[places] = np.arange(len(places))
    ordered = ordered[places]
    return Laid(
        value=value[ordered],
        price=price[ordered],
        recorded=None if parameters.time_adjust == "none" else recorded[ordered],
        days=days[ordered],
        dated=dated[ordered],
        classes=classes_of(sales, parameters).to_numpy()[ordered],
        labels=labels,
        edges=np.append(0, np.cumsum(np.bincount(codes, minlength=len(labels)))),
        together=together,
    )


def rows_of(laid: Laid, rules: Rules, progress: Progress) -> pl.DataFrame:
    """Return the row of every group, in the order of their names."""
    done, columns = 0, []
    for names, block in laid.blocks():
        columns.append(columns_of(block, rules))
        done += len(names)
        progress(done / len(laid.labels), "Measuring the groups")
    return to_rows(laid.labels, columns) if columns else pl.DataFrame(schema=SCHEMA)


def overall_of(laid: Laid, rules: Rules) -> dict[str, Any]:
    """Return the row of all sales together."""
    return to_rows(pl.Series([ALL]), [columns_of(laid.whole(), rules)]).row(0, named=True)
