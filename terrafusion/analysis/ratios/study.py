"""The ratio study: from a county's records to the measures of every group, and what to make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.groups import columns_of, level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.ratios import findings
from terrafusion.analysis.ratios.bootstrap import LARGEST
from terrafusion.analysis.ratios.fallback import with_fallback
from terrafusion.analysis.ratios.groups import Laid, laid_out, overall_of, rows_of
from terrafusion.analysis.ratios.parameters import RatioParameters
from terrafusion.analysis.ratios.pictures import pictures
from terrafusion.analysis.ratios.reading import assessment_level, read, valued
from terrafusion.analysis.ratios.rows import Rules
from terrafusion.analysis.ratios.standard import SOURCE, bands
from terrafusion.analysis.ratios.time import adjust, advice
from terrafusion.analysis.selection import Account, Selection, select

T = TypeVar("T")

TRIM: Final = {"none": None, "iqr1.5": 1.5, "iqr3": 3.0}


@dataclass(frozen=True, slots=True)
class _Studied:
    """The sales laid out, and what is told of them. The frames that they came in, which are as large, are kept no longer."""

    laid: Laid
    account: Account
    warnings: Sequence[Caution]
    period: str | None
    """Of the index by which prices were adjusted."""
    sales: pl.DataFrame | None
    """With ``group``, ``value`` and ``price``, where wider areas are asked for."""


def ratio_study(records: Records, parameters: RatioParameters, progress: Progress) -> Answer:
    """Answer how assessments compare with prices; raises InvalidParameters where the records cannot."""
    studied = _studied(records, parameters, progress)
    laid, level = studied.laid, assessment_level(records, parameters)
    rules = rules_of(parameters, level=level, sales=len(laid.value))
    rows, overall, drawn = measured(
        laid,
        rules,
        lambda done, doing: progress(0.2 + 0.7 * done, doing),
        besides=lambda: pictures(laid.value, laid.price, parameters.confidence_level),
    )
    if studied.sales is not None:
        rows = with_fallback(rows, studied.sales, parameters, rules)
    told = findings.Told(
        records.county_id,
        parameters,
        level,
        overall,
        rows,
        studied.account.year_only,
        partial(advice, records, parameters),
    )
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": len(laid.value),
            **_method(parameters, rules, studied.period),
            "bands": _bands(overall, parameters, rules),
            "bands_source": SOURCE,
            **{name: value for name, value in overall.items() if name != "group"},
            **findings.tally(rows),
            **provenance(records, parameters),
        },
        data_quality=_quality(studied.account, rows, parameters),
        warnings=[*studied.warnings, *skipped(parameters, rules), *findings.cautions(told)],
        rows=rows,
        table=rows,
        pictures=drawn,
    )


def _studied(records: Records, parameters: RatioParameters, progress: Progress) -> _Studied:
    progress(0.0, "Reading sales")
    selection = _selected(records, parameters)
    adjusted = adjust(records, selection, parameters, lambda done, doing: progress(0.2 * done, doing))
    return _Studied(
        laid=laid_out(adjusted.sales, parameters, selection.strays),
        account=selection.account(),
        warnings=[*selection.warnings, *adjusted.warnings],
        period=adjusted.period,
        sales=adjusted.sales if parameters.fallback == "cascade" else None,
    )


def _selected(records: Records, parameters: RatioParameters) -> Selection:
    groups, coded = columns_of(parameters.group_by), parameters.fallback == "none"
    # nobody holds what was read: it is as large as the file
    chosen = select(
        read(records, parameters, coded=coded), parameters, records.profile, groups=groups, across_pauses=True
    )
    return valued(chosen, roll_year=parameters.roll_year or records.profile.roll_year)


def rules_of(parameters: RatioParameters, *, level: float, sales: int) -> Rules:
    """Say how every group of a study of so many sales is judged."""
    resampled = parameters.interval_method == "bootstrap" and sales <= LARGEST
    return Rules(
        confidence_level=parameters.confidence_level,
        min_sales=parameters.min_sales,
        level=level,
        jurisdiction_size=parameters.jurisdiction_size,
        trim=TRIM[parameters.trim],
        trim_min_sales=parameters.trim_min_sales,
        iterations=parameters.bootstrap_iterations if resampled else None,
        seed=parameters.seed,
        adjusted=parameters.time_adjust != "none",
    )


def measured(
    laid: Laid, rules: Rules, progress: Progress, *, besides: Callable[[], T]
) -> tuple[pl.DataFrame, Mapping[str, Any], T]:
    """Return the groups' rows, that of all sales together, and what ``besides`` makes; on two cores, for each leaves one idle."""
    with ThreadPoolExecutor(1) as other:
        whole = other.submit(overall_of, laid, rules) if len(laid.labels) != 1 else None
        made = other.submit(besides)
        rows = rows_of(laid, rules, progress)
        return rows, whole.result() if whole else rows.row(0, named=True), made.result()


def _checks(rules: Rules) -> str:
    """Name the figures of the summary that stand beside those of the headline."""
    pairs = [
        "mean and weighted_mean beside median",
        "cov beside cod",
        *(
            ["trimmed_median, trimmed_cod and the other trimmed_ figures beside those of all sales"]
            if rules.trim
            else []
        ),
        "prb, mki, ki and vei beside prd",
        *(["adjusted_time_slope beside time_slope"] if rules.adjusted else []),
    ]
    return "; ".join(pairs)


def _method(parameters: RatioParameters, rules: Rules, period: str | None) -> dict[str, Any]:
    drawn = f"percentiles of {rules.iterations} seeded draws" if rules.iterations else "normal by influence"
    return {
        "method": f"IAAO ratio statistics; intervals: median by order statistics, mean, weighted mean and PRB by t, "
        f"VEI from its medians, COD, COV, PRD, MKI and KI {drawn}",
        "cross_check": _checks(rules),
        "value_field": parameters.value_field,
        "group_by": level_name([name for name in parameters.group_by if name != COUNTY]),
        "confidence_level": rules.confidence_level,
        "assessment_level": rules.level,
        "jurisdiction_size": rules.jurisdiction_size,
        "trim": parameters.trim,
        "time_adjust": parameters.time_adjust,
        "time_adjust_period": period,
    }


def _bands(overall: Mapping[str, Any], parameters: RatioParameters, rules: Rules) -> dict[str, list[float]]:
    """Return the bands by which all sales together are judged: that of COD is of their class, and none where it is mixed."""
    judged = parameters.property_class if overall["suppressed"] else overall["property_class"]
    return {name: list(band) for name, band in bands(judged, rules.jurisdiction_size, level=rules.level).items()}


def _quality(account: Account, rows: pl.DataFrame, parameters: RatioParameters) -> Mapping[str, Any]:
    below = parameters.fallback_min_sales
    thin = rows.filter(pl.col("n") < below).height
    return {
        **data_quality(account, cells=rows.height, thin=thin, thin_below=below),
        "suppressed_cells": int(rows["suppressed"].sum()),
        "year_only_sales": account.year_only,
    }


def skipped(parameters: RatioParameters, rules: Rules) -> Iterator[Caution]:
    """Tell where there are too many sales for a bootstrap."""
    if parameters.interval_method == "bootstrap" and rules.iterations is None:
        message = (
            f"The study has more than {LARGEST:,} sales, so intervals are analytic, not resampled, in its groups too; "
            "a request for fewer resamples them"
        )
        yield Caution("bootstrap_skipped", message)
