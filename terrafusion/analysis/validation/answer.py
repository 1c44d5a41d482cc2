"""Sale validation: from a county's records to a verdict on every sale, and what to make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.api import Answer, Progress, Records
from terrafusion.analysis.canonical import RULES_VERSION, parameter_hash
from terrafusion.analysis.groups import level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.validation import findings, overrides
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reading import Judged, read
from terrafusion.analysis.validation.reasons import CHECKS, OVERRIDDEN, VALIDATION_RULES
from terrafusion.analysis.validation.recorded import recorded, repeated
from terrafusion.analysis.validation.rows import rows_of
from terrafusion.analysis.validation.statistics import by_statistics, context, window_of
from terrafusion.analysis.validation.verdicts import decided, verdicts

Flags = NDArray[np.bool_]


def sale_validation(records: Records, parameters: ValidationParameters, progress: Progress) -> Answer:
    """Answer which sales are arm's length; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    given = read(records, parameters)
    window = window_of(given.sales, parameters)
    decisions = overrides.decisions(parameters, records.profile)
    sales = overrides.with_decisions(given.sales, decisions)
    progress(0.3, "Reading deeds and parties")
    past = given.past
    found = {
        **recorded(sales, parameters, records.profile, given.checks),
        **repeated(past, parameters, given.checks),
    }
    said = sales["override_valid"]
    found[OVERRIDDEN] = said.eq(other=False).fill_null(value=False).to_numpy()
    counted = _counted(found, parameters.supporting, said)
    progress(0.5, "Judging prices in their groups")
    judged = context(sales, counted, window, parameters)
    found |= by_statistics(judged, past, parameters, given.checks)
    progress(0.8, "Putting reasons together")
    told = verdicts(found, parameters.supporting, said)
    asked = given.asked
    rows = rows_of(sales, judged, told, window, parameters).filter(asked)
    headline = findings.Told(
        county_id=records.county_id,
        parameters=parameters,
        rows=rows,
        reasons=findings.tally(found, asked.to_numpy()),
        first=told.first.filter(asked),
        not_run=given.not_run,
        year_only=int(sales["year_only"].filter(asked).sum()),
    )
    return Answer(
        summary={
            "key_finding": findings.key_finding(headline),
            "data_points_analyzed": rows.height,
            **_method(parameters, given, int(np.sum(counted))),
            **findings.counts(headline),
            "cross_check": findings.cross_check(headline),
            "county_id": records.county_id,
            "data_version": records.data_version,
            "rules_version": RULES_VERSION,
            "parameter_hash": parameter_hash(parameters),
        },
        data_quality=_quality(given, rows, parameters),
        warnings=[
            *given.selection.warnings,
            *overrides.cautions(rows, parameters, records.profile),
            *findings.cautions(headline),
        ],
        rows=rows,
        table=rows,
    )


def _counted(found: Mapping[str, Flags], supporting: tuple[str, ...], said: pl.Series) -> Flags:
    """Say which sales windows rest on: those that no other rule refuses, or that a person calls valid."""
    refused = decided(found, (*supporting, "outlier"), len(said))
    return np.asarray(~refused | said.fill_null(value=False).to_numpy())


def _method(parameters: ValidationParameters, given: Judged, counted: int) -> dict[str, Any]:
    divisor = "n - 1" if parameters.standard_deviation == "sample" else "n"
    years = bool(given.sales["year_only"].any())
    return {
        "method": f"ln price and ln price per square foot against mean and sd ({divisor}) of the group in the trailing "
        f"{parameters.rolling_months} months, the sale's own {'year' if years else 'month'} and the sale itself included; "
        "codes, deeds, parties and repeats as recorded",
        "interval_method": "Wilson; it tells how sure the share is of more such records, the counts themselves are exact",
        "validation_rules_version": VALIDATION_RULES,
        "group_by": level_name([name for name in parameters.group_by if name != COUNTY]),
        "rolling_months": parameters.rolling_months,
        "window_unit": "year" if years else "month",
        "sd_low": parameters.sd_low,
        "sd_high": parameters.sd_high,
        "min_group": parameters.min_group,
        "standard_deviation": parameters.standard_deviation,
        "supporting": list(parameters.supporting),
        "checks_run": [check for check in CHECKS if check in given.checks],
        "checks_not_run": dict(given.not_run),
        "sales_behind_windows": counted,
        "confidence_level": parameters.confidence_level,
    }


def _quality(given: Judged, rows: pl.DataFrame, parameters: ValidationParameters) -> Mapping[str, Any]:
    cells = rows.select("group", "window_end", "group_n").drop_nulls().unique()
    thin = cells.filter(pl.col("group_n") < parameters.min_group).height
    return {
        **data_quality(given.selection, cells=cells.height, thin=thin, thin_below=parameters.min_group),
        "kept_by_override": rows.filter("valid", ~pl.col("valid_by_rules")).height,
        "context_sales": given.sales.height - rows.height,
        "year_only_sales": int(given.selection.used["year_only"].sum()),
    }
