"""Sales laid out by group, so that each group is a slice, and the rows of all groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Progress
from terrafusion.analysis.groups import ALL, in_order, with_codes
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.reading import with_class
from terrafusion.analysis.ratios.rows import Group, Rules, row_of, to_rows
from terrafusion.analysis.ratios.sample import Codes, Floats, Ratios, by_ratio
from terrafusion.analysis.ratios.standard import CLASSES

_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True)
class Laid:
    """The sales as columns, by group, and where each group begins."""

    value: Floats
    price: Floats
    recorded: Floats
    days: Floats
    classes: Codes
    """Places among the standard's classes."""
    labels: pl.Series
    edges: Codes

    def group(self, begin: int, end: int) -> Group:
        """Return the sales of one group, or of several, sorted by all that is computed with."""
        columns = [column[begin:end] for column in (self.value, self.price, self.recorded, self.days)]
        value, price, recorded, days = columns
        places = by_ratio(value / price, price, value, days, recorded)
        classes = np.flatnonzero(np.bincount(self.classes[begin:end]))
        return Group(
            ratios=Ratios.ordered(value[places], price[places]),
            recorded=value[places] / recorded[places],
            years=days[places] / _DAYS_A_YEAR,
            property_class=CLASSES[classes[0]] if len(classes) == 1 else None,
        )


def laid_out(sales: pl.DataFrame, parameters: RatioParameters) -> Laid:
    """Lay out sales that have a ``group``, ``value``, ``price``, ``sale_price`` and ``sale_date``."""
    coded, labels = with_codes(with_class(sales, parameters))
    coded = coded.select("group_code", "value", "price", "sale_price", "sale_date", "iaao_class")
    codes = coded["group_code"].to_numpy()
    places = in_order(codes)
    days = coded["sale_date"].to_physical().cast(pl.Float64)
    return Laid(
        value=coded["value"].to_numpy()[places],
        price=coded["price"].to_numpy()[places],
        recorded=coded["sale_price"].to_numpy()[places],
        days=days.to_numpy()[places],
        classes=coded["iaao_class"].to_numpy()[places],
        labels=labels,
        edges=np.append(0, np.cumsum(np.bincount(codes, minlength=len(labels)))),
    )


def rows_of(laid: Laid, rules: Rules, progress: Progress) -> pl.DataFrame:
    """Return the row of every group, in the order of their names."""
    rows = []
    for code, (begin, end) in enumerate(pairwise(laid.edges.tolist())):
        rows.append({"group": laid.labels[code], **row_of(laid.group(begin, end), rules)})
        progress((code + 1) / len(laid.labels), "Measuring the groups")
    return to_rows(rows)


def overall_of(laid: Laid, rules: Rules) -> dict[str, Any]:
    """Return the row of all sales together."""
    return to_rows([{"group": ALL, **row_of(laid.group(0, len(laid.value)), rules)}]).row(0, named=True)
