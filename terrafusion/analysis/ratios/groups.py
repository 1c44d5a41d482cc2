"""Sales laid out once, by ratio and by group, and the rows of all groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.api import Progress
from terrafusion.analysis.groups import ALL, coded, in_order
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.reading import classes_of
from terrafusion.analysis.ratios.rows import Group, Rules, row_of, to_rows
from terrafusion.analysis.ratios.sample import Codes, Floats, Ratios, by_ratio
from terrafusion.analysis.ratios.standard import CLASSES

_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True)
class Laid:
    """The sales as columns, by group and, within each, by ascending ratio and then by all else that is computed with."""

    value: Floats
    price: Floats
    recorded: Floats | None
    """The prices before they were adjusted; None where they were not."""
    days: Floats
    classes: NDArray[np.uint8]
    """Places among the standard's classes."""
    labels: pl.Series
    edges: Codes
    """Where each group begins, and the last one ends."""
    together: Codes
    """The places of all sales in the order that they have within groups."""

    def groups(self) -> Iterator[Group]:
        """Yield each group's sales."""
        for begin, end in pairwise(self.edges.tolist()):
            yield self._taken(slice(begin, end))

    def whole(self) -> Group:
        """Return all sales together."""
        return self._taken(self.together)

    def _taken(self, which: Codes | slice) -> Group:
        ratios = Ratios.ordered(self.value[which], self.price[which])
        classes = np.flatnonzero(np.bincount(self.classes[which]))
        return Group(
            ratios=ratios,
            recorded=ratios.ratio if self.recorded is None else ratios.assessed / self.recorded[which],
            years=self.days[which] / _DAYS_A_YEAR,
            property_class=CLASSES[classes[0]] if len(classes) == 1 else None,
        )


def laid_out(sales: pl.DataFrame, parameters: RatioParameters) -> Laid:
    """Lay out sales that have a ``group``, ``value``, ``price``, ``sale_price`` and ``sale_date``."""
    code, labels = coded(sales["group"])
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
        classes=classes_of(sales, parameters).to_numpy()[ordered],
        labels=labels,
        edges=np.append(0, np.cumsum(np.bincount(codes, minlength=len(labels)))),
        together=together,
    )


def rows_of(laid: Laid, rules: Rules, progress: Progress) -> pl.DataFrame:
    """Return the row of every group, in the order of their names."""
    rows = []
    for name, group in zip(laid.labels, laid.groups(), strict=True):
        rows.append({"group": name, **row_of(group, rules)})
        progress(len(rows) / len(laid.labels), "Measuring the groups")
    return to_rows(rows)


def overall_of(laid: Laid, rules: Rules) -> dict[str, Any]:
    """Return the row of all sales together."""
    return to_rows([{"group": ALL, **row_of(laid.whole(), rules)}]).row(0, named=True)
