"""What a reader of an index must know of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from terrafusion.analysis.api import Caution
from terrafusion.analysis.indexes import MOST_TYPES
from terrafusion.analysis.periods import PER_YEAR
from terrafusion.analysis.price_index.engine import LOCATIONS, Engine
from terrafusion.analysis.price_index.estimate import FOR_ROBUST, FREEDOM, Estimate, filled
from terrafusion.analysis.price_index.outline import Outline
from terrafusion.analysis.price_index.parameters import HEDONIC, REPEAT, Method, PriceIndexParameters
from terrafusion.analysis.price_index.requirements import location_cautions

_FOR_PAIRS: Final = 24
"""Months below which homes that sold twice are mostly flips."""

UNCHECKED: Final = Caution(
    "change_unchecked",
    "Nothing checks the change of the raw median, which moves with what is sold as well as with prices",
)

_NEED: Final[Mapping[Method, str]] = {
    "hedonic_time_dummy": f"{FREEDOM} more than the fit has parameters",
    "hedonic_imputation": f"a period with {FREEDOM} more than its fit has parameters",
    "stratified_median": "two periods with sales of the same stratum",
}


def of_outlines(outlines: Sequence[Outline], parameters: PriceIndexParameters) -> Iterator[Caution]:
    """Tell of groups without an index or an interval, and of periods that are filled in or thin."""
    what = "pairs" if parameters.method in REPEAT else "sales"
    groups = len(outlines)
    bare = [one for one in outlines if not one.estimated.any()]
    if bare:
        most = max(int(one.observations.sum()) for one in bare)
        need = _NEED.get(parameters.method, "a pair that spans two periods")
        message = f"{len(bare)} of {groups} groups have no index: they have at most {most} {what} and need {need}"
        yield Caution("index_too_few_observations", message)
    unsure = sum(one.freedom < FREEDOM for one in outlines) - len(bare)
    if unsure:
        message = f"{unsure} of {groups} groups have an index without interval: fewer than {FREEDOM} {what} beyond it"
        yield Caution("interval_too_few_observations", message)
    yield from _of_periods(outlines, parameters)


def _of_periods(outlines: Sequence[Outline], parameters: PriceIndexParameters) -> Iterator[Caution]:
    imputed = sum(int(filled(one.log_index)[1].sum()) for one in outlines)
    if imputed:
        message = f"{imputed} periods have no estimate of their own; they are interpolated between their neighbours"
        yield Caution("periods_imputed", message)
    ends = sum(
        len(one.log_index) - int(np.isfinite(filled(one.log_index)[0]).sum()) for one in outlines if one.estimated.any()
    )
    if ends:
        yield Caution(
            "periods_without_index", f"{ends} periods before the first or after the last estimate have no index"
        )
    pooled, periods = pooled_periods(outlines, parameters)
    if pooled:
        what = "sales of pairs" if parameters.method in REPEAT else "sales"
        message = (
            f"{pooled} of {periods} periods have errors of one common variance: they, or the first, have fewer than "
            f"{FOR_ROBUST} {what}"
        )
        yield Caution("errors_pooled", message)


def pooled_periods(outlines: Sequence[Outline], parameters: PriceIndexParameters) -> tuple[int, int]:
    """Count the periods whose errors should be robust and cannot be, and all that are estimated."""
    periods = sum(int(one.estimated.sum()) for one in outlines)
    if not parameters.robust_errors or parameters.method == "stratified_median":
        return 0, periods
    return sum(int(one.pooled.sum()) for one in outlines), periods


def of_method(engine: Engine, method: Method, found: Estimate, *, period: str) -> Iterator[Caution]:
    """Tell what a method left out that is to follow the market of all sales, ``found`` of them together."""
    yield from of_span([method], engine.periods, period)
    if method in HEDONIC:
        yield from engine.design.warnings
    yield from location_cautions(engine.sales, [method], LOCATIONS[engine.parameters.location_effects])
    if method == "stratified_median":
        yield from of_types(engine.joined_types)
    yield from of_weights(found.told, engine.parameters)


def of_span(methods: Iterable[Method], periods: int, period: str) -> Iterator[Caution]:
    """Tell where a method rests on homes that sold again, and the sales leave them little time for it."""
    if set(methods) & set(REPEAT) and is_short(periods, period):
        message = (
            f"The sales span less than {_FOR_PAIRS} months, in which homes that sell twice are mostly flips: what they gain "
            "is work as well as the market's"
        )
        yield Caution("repeat_sales_short_span", message)


def is_short(periods: int, period: str) -> bool:
    """Say whether so many periods are less than two years."""
    return periods * 12 < _FOR_PAIRS * PER_YEAR[period]


def of_types(joined: Sequence[str]) -> Iterator[Caution]:
    """Tell where property types were too many to be strata, and some were joined."""
    if joined:
        message = (
            f"Of {MOST_TYPES + len(joined)} property types the {MOST_TYPES} commonest are strata of their own; "
            f"the other {len(joined)} are one together"
        )
        yield Caution("strata_joined", message)


def of_weights(told: Mapping[str, Any], parameters: PriceIndexParameters) -> Iterator[Caution]:
    """Tell where the variance of pairs was not positive for some, by what the method ``told`` of itself."""
    count = told.get("non_positive_variances", 0)
    if count:
        done = {"constrained": "the fit is held at zero or above", "drop_non_positive": "these pairs have no weight"}
        message = f"{count} of {told['pairs_fitted']} pairs have a fitted variance of 0 or less: "
        yield Caution("case_shiller_variances", message + done[parameters.weights])
