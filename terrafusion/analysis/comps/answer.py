"""Comparable sales: from a county's records to the sales that support each parcel's value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.comps import evidence, findings
from terrafusion.analysis.comps.homes import Homes
from terrafusion.analysis.comps.interval import Trial, Trials, needed
from terrafusion.analysis.comps.lacking import lacks_of
from terrafusion.analysis.comps.model import LEAST_SALES, Model, fit
from terrafusion.analysis.comps.parameters import ComparableParameters
from terrafusion.analysis.comps.reconcile import reconcile
from terrafusion.analysis.comps.rows import ROWS, Found, comparable_rows, home_rows, subject_rows, without_model
from terrafusion.analysis.comps.search import Finder, Limits, Subjects
from terrafusion.analysis.document import ROWS_INLINE
from terrafusion.analysis.document import records as listed
from terrafusion.analysis.findings import counted
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.selection import Selection

SUBJECTS_INLINE: Final = 200
"""The summary travels in the completed event."""
METHOD: Final = (
    "weighted mean of comparables' prices, adjusted for time, characteristics and location by a hedonic regression "
    "with curves and a surface of residuals (backfitting)"
)

_BEYOND: Final = (
    "; too few sales tell all of that together, so the value may err by more than others, and those of which less is known "
    "do not tell by how much"
)
_MOST_OWN: Final = 10
"""One in so many sales may be the subjects' own, and be missing from the price model."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What was found; without a model there are only the subjects."""

    rows: pl.DataFrame
    subjects: pl.DataFrame
    homes: pl.DataFrame | None = None
    """Those of the subjects and comparables that a document has room for."""
    model: Model | None = None
    trial: Trial | None = None
    others: int = 0
    """Sales of other parcels than the subjects' that a model of prices can rest on, the least of any."""
    absurd: int = 0
    """Sales that are no comparables for their price alone."""
    few: int = 0
    """How many sales could be valued, at most, where these are too few to tell a range."""


def comparable_sales(records: Records, parameters: ComparableParameters, progress: Progress) -> Answer:
    """Answer which sales support each subject's value; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    sales = evidence.read(records, parameters)
    homes = evidence.subjects_of(records, sales, parameters.subject_parcel_ids)
    selection, day = evidence.selected(sales, parameters, records.profile, months=parameters.max_age_months)
    del sales
    progress(0.2, "Learning prices")
    result = _result(selection, homes, day, parameters, progress)
    told = findings.Told(records.county_id, parameters, selection.used.height, result.others, day, result.subjects)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": selection.used.height,
            "method": METHOD,
            "cross_check": "model_value, what the regression alone says",
            "valuation_date": None if day is None else day.isoformat(),
            "interval_level": parameters.interval_level,
            "confidence_level": parameters.confidence_level,
            **findings.tally(told),
            **_accuracy(result),
            "subjects": result.subjects.head(SUBJECTS_INLINE).to_dicts(),
            **provenance(records, parameters),
        },
        data_quality=_quality(selection, result, parameters),
        warnings=[
            *selection.warnings,
            *_cautions(selection, result, day, parameters.interval_level),
            *findings.cautions(told),
        ],
        rows=result.rows,
        table=_table(result),
        pictures={"homes": listed(result.homes)},
    )


def _result(
    selection: Selection, homes: pl.DataFrame, day: date | None, parameters: ComparableParameters, progress: Progress
) -> _Result:
    """Value the subjects, some at a time, by a model that rests on no sale of theirs."""
    dealt = _dealt(homes, selection.used["parcel_number"])
    sold = selection.used["parcel_number"]
    others = min(int((~sold.is_in(part["parcel_number"].implode())).sum()) for part in dealt)
    if day is None or others < LEAST_SALES:
        return _Result(pl.DataFrame(schema=ROWS), without_model(homes["parcel_number"]), others=others)
    limits, found = _limits(day, parameters), []
    trials = Trials(
        lacks_of(selection.used, homes),
        limits,
        least=min(parameters.min_comps, parameters.k),
        level=parameters.interval_level,
    )
    for done, part in enumerate(dealt):
        model = fit(selection.used, without=part["parcel_number"].to_list())
        progress(0.2 + 0.7 * (done + 0.5) / len(dealt), "Finding comparables")
        finder, subjects = Finder(model), Subjects(Homes.of(part), _days(day, part.height))
        reach = trials.reach(finder, subjects)
        comps = finder.find(subjects, limits)
        found.append(Found(model, subjects, comps, reconcile(model, subjects, comps), reach))
    rows = pl.concat([comparable_rows(one, parameters) for one in found]).sort("subject_parcel_id", "rank")
    told = pl.concat([subject_rows(one, parameters) for one in found]).sort("subject_parcel_id")
    homes = pl.concat([home_rows(one) for one in found]).sort("subject_parcel_id", "rank").head(ROWS_INLINE)
    return _Result(rows, told, homes, model, trials.whole, others, finder.absurd(limits), trials.few)


def _dealt(homes: pl.DataFrame, sold: pl.Series) -> list[pl.DataFrame]:
    """Deal the subjects into as few parts as leave, for each, nine in ten sales that are not its own; at most ten."""
    own = int(sold.is_in(homes["parcel_number"].implode()).sum())
    parts = min(max(-(-own * _MOST_OWN // max(len(sold), 1)), 1), _MOST_OWN)
    return [homes.gather_every(parts, begin) for begin in range(min(parts, homes.height))]


def _days(day: date, count: int) -> Codes:
    return np.full(count, (day - date(1970, 1, 1)).days, dtype=np.int64)


def _limits(day: date, parameters: ComparableParameters) -> Limits:
    age = (day - evidence.oldest(day, parameters.max_age_months)).days
    return Limits(
        k=parameters.k,
        max_distance_km=parameters.max_distance_km,
        max_age_days=age,
        exclude_outlier_sd=parameters.exclude_outlier_sd,
    )


def _accuracy(result: _Result) -> dict[str, Any]:
    """Tell how well the latest sales' values hit their prices, and what the model holds."""
    if result.model is None or result.trial is None:
        return {"accuracy": None, "characteristics": [], "residual_sd_pct": None}
    return {
        "accuracy": result.trial.accuracy(),
        "characteristics": list(result.model.prices.curves),
        "residual_sd_pct": 100 * result.model.spread,
    }


def _quality(selection: Selection, result: _Result, parameters: ComparableParameters) -> dict[str, Any]:
    thin = result.subjects.filter(pl.col("comparables") < parameters.k).height
    account, cells = selection.account(), result.subjects.height
    return {
        **data_quality(account, cells=cells, thin=thin, thin_below=parameters.k),
        "year_only_sales": account.year_only,
    }


def _table(result: _Result) -> pl.DataFrame:
    """Stack the comparables and the subjects; ``record`` tells which is which."""
    parts = [(result.rows, "comparable"), (result.subjects, "subject")]
    marked = [table.with_columns(pl.lit(name).alias("record")) for table, name in parts]
    return pl.concat(marked, how="diagonal").select("record", pl.exclude("record"))


def _cautions(selection: Selection, result: _Result, day: date | None, level: float) -> Iterator[Caution]:
    model = result.model
    if model is None or day is None:
        return
    yield from findings.of_model(model, selection.used, day)
    if result.absurd:
        message = f"{result.absurd} of {selection.used.height} sales are priced too far from what the model says to be compared"
        yield Caution("sales_not_compared", message)
    bare = result.subjects.filter(pl.col("estimated_value").is_not_null() & pl.col("value_low").is_null()).height
    if bare:
        yield Caution("interval_too_few_sales", _without_range(bare, result, level))


def _without_range(bare: int, result: _Result, level: float) -> str:
    home = "the home" if bare == 1 else "these homes"
    enough = result.trial is not None and len(result.trial.error) >= needed(level)
    beside = _BEYOND if enough else ""
    return (
        f"Of {counted(bare, 'value')} no range is told: it takes {needed(level)} sales valued to hold {100 * level:g}% of "
        f"prices, and of those of which at least as much is known as of {home}, with the rest hidden, at most {result.few} "
        f"could be{beside}"
    )
