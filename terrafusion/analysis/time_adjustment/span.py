"""The headline: from the first full period to the valuation's, by the method asked for and by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from terrafusion.analysis.price_index.answer import TITLES
from terrafusion.analysis.price_index.estimate import Estimate
from terrafusion.analysis.price_index.parameters import REPEAT, Method
from terrafusion.analysis.time_adjustment.curves import Curves
from terrafusion.analysis.time_adjustment.factors import County
from terrafusion.analysis.time_adjustment.moves import moves, places_of
from terrafusion.analysis.time_adjustment.parameters import AdjustmentMethod, index_method

RATIO_TREND: Final = "slope of ln(value / price) on time (IAAO sales ratio trend analysis)"


def title(method: AdjustmentMethod) -> str:
    """Say in words what a method does."""
    name = index_method(method)
    return RATIO_TREND if name is None else TITLES[name]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the county's prices in per cent, with its interval; None where it cannot be told."""

    per_cent: float
    low: float | None
    high: float | None
    observations: int

    def named(self, prefix: str) -> dict[str, Any]:
        """Return the figures under names that begin with the prefix."""
        return {
            f"{prefix}_pct": self.per_cent,
            f"{prefix}_ci_low_pct": self.low,
            f"{prefix}_ci_high_pct": self.high,
            f"{prefix}_observations": self.observations,
        }


def no_change(prefix: str) -> dict[str, Any]:
    """Return the same names where nothing can be told."""
    return dict.fromkeys(Change(0.0, None, None, 0).named(prefix))


def first_full(curves: Curves, county: County) -> int | None:
    """Return the first estimated period that is not partial and lies before the valuation's."""
    full = ~curves.market.calendar["partial"].to_numpy()
    early = [place for place in county.places.tolist() if full[place] and place < county.to]
    return early[0] if early else None


def change(estimate: Estimate, *, least: int, span: tuple[int, int], z: float) -> Change | None:
    """Return the change over a span; None where the estimates do not reach from end to end."""
    places = places_of(estimate, least)
    if not places.size or places[0] > span[0] or places[-1] < span[1]:
        return None
    found = moves(estimate, places, span[1])
    by, error = float(found.change[span[0]]), float(np.sqrt(found.variance[span[0]]))
    low, middle, high = (100 * float(np.expm1(by + reach)) for reach in (-z * error, 0.0, z * error))
    known = bool(np.isfinite(error))
    return Change(middle, low if known else None, high if known else None, estimate.used)


def cross_check(curves: Curves, span: tuple[int, int], own: Change, z: float) -> Mapping[str, Any]:
    """Tell the same span by the first other method that can."""
    for method in curves.others():
        estimate = curves.county(method)
        found = change(estimate, least=least(method, curves.parameters.min_sales), span=span, z=z)
        if found is not None:
            return {
                "cross_check": title(method),
                **found.named("cross_check_change"),
                "cross_check_difference_pct_points": found.per_cent - own.per_cent,
            }
    return NO_CHECK


NO_CHECK: Final[Mapping[str, Any]] = {
    "cross_check": None,
    **no_change("cross_check_change"),
    "cross_check_difference_pct_points": None,
}


def least(method: AdjustmentMethod, min_sales: int) -> int:
    """Return the observations that a period needs: a line through all has no periods of its own."""
    return 0 if method == "ratio_trend" else min_sales


def unit(method: AdjustmentMethod) -> str:
    """Say what is counted."""
    name: Method | None = index_method(method)
    return "pairs" if name in REPEAT else "sales with a value" if name is None else "sales"
