"""What stands beside the change of the raw median: the constant-quality index, else medians of areas and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.market import Market
from terrafusion.analysis.parameters import TrendParameters
from terrafusion.analysis.price_index.answer import TITLES
from terrafusion.analysis.price_index.cautions import UNCHECKED
from terrafusion.analysis.price_index.engine import Engine
from terrafusion.analysis.price_index.estimate import Estimate
from terrafusion.analysis.price_index.parameters import Method, PriceIndexParameters
from terrafusion.analysis.time_adjustment.span import Change, change, no_change
from terrafusion.analysis.timing import NO_REVISIONS

_INDEX: Final[Method] = "hedonic_time_dummy"
_STRATA: Final[Method] = "stratified_median"

Overall = Mapping[str, Any]
"""The row of `terrafusion.analysis.comparison.compare` of all sales together; no change where they have none."""


def by_strata(market: Market) -> Estimate | None:
    """Estimate the index of all sales by medians of their ZIPs and types; None where neither tells sales apart."""
    begin, asked = market.calendar["ordinal"].first(), PriceIndexParameters(method=_STRATA)
    if begin is None:
        return None
    sales = market.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code"))
    engine = Engine(sales, 1, int(str(begin)), market.calendar.height, asked, NO_REVISIONS)
    return engine.estimates(_STRATA)[0] if engine.strata else None


def cross_check(
    overall: Overall, indexed: int, strata: Estimate | None, market: Market, asked: TrendParameters
) -> dict[str, Any]:
    """Tell how prices changed over the same periods by another method, with its interval; null where none can.

    That is the constant-quality change where there is one, which rests on ``indexed`` sales, else that of ``strata``.
    """
    method, found = _by_index(overall, indexed) or _by_strata(overall, strata, market, asked)
    told = no_change("cross_check_change") if found is None else found.named("cross_check_change")
    return {"cross_check": None if found is None else TITLES[method], **told}


def _by_index(overall: Overall, indexed: int) -> tuple[Method, Change] | None:
    moved = overall.get("constant_quality_change_pct")
    low, high = (overall.get(f"constant_quality_ci_{end}_pct") for end in ("low", "high"))
    return None if moved is None else (_INDEX, Change(moved, low, high, indexed))


def _by_strata(
    overall: Overall, strata: Estimate | None, market: Market, asked: TrendParameters
) -> tuple[Method, Change | None]:
    if strata is None or overall.get("raw_change_pct") is None:
        return _STRATA, None
    names = market.calendar["period"].to_list()
    span = names.index(overall["first_period"]), names.index(overall["last_period"])
    return _STRATA, change(strata, least=asked.min_sales, span=span, z=critical_value(asked.confidence_level))


def unchecked(overall: Overall, checked: Mapping[str, Any]) -> Iterator[Caution]:
    """Warn where the raw median changed and nothing stands beside it."""
    if overall.get("raw_change_pct") is not None and checked["cross_check"] is None:
        yield UNCHECKED
