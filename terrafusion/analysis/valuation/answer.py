"""Market valuation: from a county's records to a value of each parcel, with its range and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.comps import evidence
from terrafusion.analysis.comps.findings import of_model
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.model import Model, TooFewSales, fit, ordered
from terrafusion.analysis.comps.search import Finder, Limits
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.selection import Selection
from terrafusion.analysis.valuation import accuracy, findings
from terrafusion.analysis.valuation.parameters import ValuationParameters
from terrafusion.analysis.valuation.rows import (
    GRADES,
    ROWS,
    TOO_FEW,
    Found,
    deviation,
    graded,
    held_out_rows,
    parcel_rows,
    without_values,
)
from terrafusion.analysis.valuation.sight import FEATURES, look
from terrafusion.analysis.valuation.subjects import parcels
from terrafusion.analysis.valuation.trial import Rules, Trial, Valuer, dealt, examine, valuer_of

METHOD: Final = (
    "weighted mean of comparables' prices, adjusted by a hedonic regression with a surface of residuals, "
    "and what gradient-boosted trees learn beyond it; conformal ranges"
)
_CANDIDATES: Final = 40
_UNSOLD: Final = -1
"""The fold of homes without a sale, which are valued by what is learned of all sales."""
_START: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class _Result:
    """What was found; with too few sales there are only the parcels."""

    rows: pl.DataFrame
    model: Model | None = None
    trial: Trial | None = None


def market_valuation(records: Records, parameters: ValuationParameters, progress: Progress) -> Answer:
    """Answer with the value of each parcel asked for; raises InvalidParameters where the records cannot serve."""
    progress(0.0, "Reading sales")
    read = evidence.read(records, parameters)
    homes = parcels(records, read, parameters)
    selection, day = evidence.selected(read, parameters, records.profile, months=parameters.max_age_months)
    del read
    result = _result(selection, homes, day, parameters, progress)
    level = parameters.confidence_level
    figures = {} if result.trial is None else accuracy.accuracy(result.trial, level)
    sales, sold = selection.used.height, selection.used["parcel_number"].n_unique()
    told = findings.Told(records.county_id, parameters, sales, sold, day, result.rows, figures)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": sales,
            "method": METHOD,
            "cross_check": "accuracy_beside: the comparables and the price model alone, on the same held-out sales",
            "valuation_date": None if day is None else day.isoformat(),
            "confidence_level": level,
            "interval_level": parameters.interval_level,
            **findings.tally(told),
            **figures,
            **_beside(result, parameters),
            **provenance(records, parameters),
        },
        data_quality=_quality(selection, result, parameters.k),
        warnings=[*selection.warnings, *_of_model(selection, result, day), *findings.cautions(told)],
        rows=result.rows,
        table=_table(result),
    )


def _result(
    selection: Selection, homes: pl.DataFrame, day: date | None, parameters: ValuationParameters, progress: Progress
) -> _Result:
    used = ordered(selection.used)
    nothing = _Result(without_values(homes["parcel_number"], TOO_FEW))
    if day is None or used.height < parameters.min_training_sales:
        return nothing
    rules = _rules(day, parameters)
    fold = _folds(used, homes, rules)
    at = (day - _START).days
    parts = [pl.DataFrame(schema=ROWS)]

    def value(held: int, finder: Finder, valuer: Valuer) -> None:
        some = homes.filter(fold == held)
        if some.height:
            sight = look(finder, some, np.full(some.height, at, dtype=np.int64), rules.limits)
            found = Found(finder.model, Homes.of(some), at, sight, valuer.values(sight))
            parts.append(parcel_rows(found, parameters))
        progress((held % (rules.folds + 1) + 1) / (rules.folds + 1), "Valuing")

    try:
        trial = examine(used, rules, value, homes=homes)
    except TooFewSales:  # a parcel with most of the sales leaves too few without it
        return nothing
    finder = Finder(fit(used))
    value(_UNSOLD, finder, valuer_of(trial, rules))
    return _Result(pl.concat(parts).sort("parcel_number"), finder.model, trial)


def _folds(used: pl.DataFrame, homes: pl.DataFrame, rules: Rules) -> pl.Series:
    """Return the fold of each home's sales: it is valued by what never saw them, so that no value chases a price."""
    fold = used.select("parcel_number", pl.Series("fold", dealt(used, rules))).unique("parcel_number")
    found = homes.select("parcel_number").join(fold, on="parcel_number", how="left", maintain_order="left")
    return found["fold"].fill_null(_UNSOLD)


def _rules(day: date, parameters: ValuationParameters) -> Rules:
    age = (day - evidence.oldest(day, parameters.max_age_months)).days
    return Rules(
        limits=Limits(
            k=parameters.k,
            max_distance_km=parameters.max_distance_km,
            max_age_days=age,
            candidates=_CANDIDATES,
        ),
        folds=parameters.folds,
        interval_level=parameters.interval_level,
        restored_spread=parameters.restored_spread,
        most=parameters.max_training_sales,
        seed=parameters.seed,
    )


def _beside(result: _Result, parameters: ValuationParameters) -> dict[str, Any]:
    """Return the accuracy of what values are made of, and of values apart by price, by value and by confidence."""
    trial, level = result.trial, parameters.confidence_level
    if trial is None or result.model is None:
        return {}
    fsd = deviation(trial.valued.low, trial.valued.high, parameters.interval_level)
    return {
        "accuracy_beside": accuracy.beside(trial, level),
        "by_price_quarter": accuracy.by_quarter(trial, result.model.sales["sale_price"].to_numpy(), level),
        "by_value_quarter": accuracy.by_quarter(trial, np.exp(trial.valued.value), level),
        "by_confidence": accuracy.by_grade(trial, graded(fsd, {}, parameters), GRADES, level),
        "characteristics": list(result.model.prices.curves),
        "features": list(FEATURES),
    }


def _quality(selection: Selection, result: _Result, k: int) -> dict[str, Any]:
    """Count parcels with fewer comparables than asked for as thin."""
    thin = result.rows.filter(pl.col("comparables_used") < k).height
    return data_quality(selection.account(), cells=result.rows.height, thin=thin, thin_below=k)


def _table(result: _Result) -> pl.DataFrame:
    """Stack parcels and, with what it was sold for, each held-out sale; ``record`` tells which is which."""
    if result.trial is None or result.model is None:
        return result.rows.select(pl.lit("parcel").alias("record"), pl.all())
    parts = [(result.rows, "parcel"), (held_out_rows(result.model.sales, result.trial), "held_out_sale")]
    marked = [table.with_columns(pl.lit(name).alias("record")) for table, name in parts]
    return pl.concat(marked, how="diagonal").select("record", pl.exclude("record"))


def _of_model(selection: Selection, result: _Result, day: date | None) -> Iterator[Caution]:
    if result.model is not None and day is not None:
        yield from of_model(result.model, selection.used, day)
