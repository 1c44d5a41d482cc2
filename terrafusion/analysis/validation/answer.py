"""Sale validation: from a county's records to a verdict on every sale, and what to make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.arrays import Flags
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.findings import counted
from terrafusion.analysis.groups import level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.validation import findings, overrides
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reading import Judged, read
from terrafusion.analysis.validation.reasons import CHECKS, OVERRIDDEN, VALIDATION_RULES
from terrafusion.analysis.validation.recorded import outliers, recorded, repeated
from terrafusion.analysis.validation.rows import inline, rows_of
from terrafusion.analysis.validation.statistics import by_statistics, judge, windows_of, years_of
from terrafusion.analysis.validation.verdicts import decided, verdicts

_FARTHEST: Final = 5
"""Standard deviations that a picture shows."""


def sale_validation(records: Records, parameters: ValidationParameters, progress: Progress) -> Answer:
    """Answer which sales are arm's length; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    given = read(records, parameters)
    progress(0.3, "Reading deeds and parties")
    found = recorded(given.sales, parameters, records.profile, given.checks)
    given = given.bare(parameters)
    judged = _judge(given, found, parameters, records.profile, progress)
    told = findings.Told(
        county_id=records.county_id,
        parameters=parameters,
        rows=judged.rows,
        reasons=judged.reasons,
        first=findings.first_reasons(judged.rows),
        not_run=given.not_run,
        year_only=given.account.year_only,
    )
    decided_on = overrides.cautions(judged.rows, parameters, records.profile)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": judged.rows.height,
            **_method(parameters, given, judged.counted),
            **findings.counts(told),
            "cross_check": findings.cross_check(told),
            **provenance(records, parameters),
        },
        data_quality=_quality(given, judged.rows, parameters),
        warnings=[*given.account.warnings, *given.warnings, *judged.outlying, *decided_on, *findings.cautions(told)],
        rows=inline(judged.rows),
        table=judged.rows,
        pictures={name: _spread(judged.rows[name]) for name in ("z_price", "z_unit_price")},
    )


def _spread(z: pl.Series) -> dict[str, Any]:
    """Count z-scores in quarters of a standard deviation; those farther out than `_FARTHEST` together."""
    known = z.drop_nulls().to_numpy()
    edges = np.linspace(-_FARTHEST, _FARTHEST, 8 * _FARTHEST + 1)
    return {
        "edges": edges.tolist(),
        "counts": np.histogram(known, edges)[0].tolist(),
        "below": int((known < -_FARTHEST).sum()),
        "above": int((known > _FARTHEST).sum()),
    }


class _Judged(NamedTuple):
    """What became of the sales asked for."""

    rows: pl.DataFrame
    reasons: Mapping[str, int]
    counted: int
    """How many sales windows rest on."""
    outlying: Sequence[Caution]


def _judge(
    given: Judged,
    named: Mapping[str, Flags],
    parameters: ValidationParameters,
    profile: CountyProfile,
    progress: Progress,
) -> _Judged:
    sales = overrides.with_decisions(given.sales, overrides.decisions(parameters, profile))
    said, past = sales["override_valid"], given.past
    outlying, warned = outliers(sales, given.asked, parameters)
    found = {
        OVERRIDDEN: said.eq(other=False).fill_null(value=False).to_numpy(),
        **named,
        **repeated(past, parameters, given.checks),
        **outlying,
    }
    progress(0.5, "Judging prices in their groups")
    counted = _counted(found, parameters.supporting, said)
    judges, scores = judge(sales, counted, windows_of(sales, parameters), parameters)
    found |= by_statistics(judges, scores, past, parameters, given.checks)
    progress(0.8, "Putting reasons together")
    rows = rows_of(sales, judges, scores, verdicts(found, parameters.supporting, said))
    asked = given.asked
    if not asked.all():
        rows = rows.filter(asked)
    return _Judged(rows, findings.tally(found, asked.to_numpy()), int(np.sum(counted)), warned)


def _counted(found: Mapping[str, Flags], supporting: tuple[str, ...], said: pl.Series) -> Flags:
    """Say which sales windows rest on: those that no other rule refuses, or that a person calls valid."""
    refused = decided(found, (*supporting, "outlier"), len(said))
    return np.asarray(~refused | said.fill_null(value=False).to_numpy())


def _method(parameters: ValidationParameters, given: Judged, behind: int) -> dict[str, Any]:
    divisor = "n - 1" if parameters.standard_deviation == "sample" else "n"
    whole = counted(years_of(parameters.rolling_months), "whole year")
    years = f", of sales of which only the year is known {whole}"
    return {
        "method": f"ln price and ln price per square foot against mean and sd ({divisor}) of the group in the trailing "
        f"{parameters.rolling_months} months{years if given.account.year_only else ''}, the sale's own and the sale itself included; "
        "codes, deeds, parties and repeats as recorded",
        "interval_method": "Wilson; it tells how sure the share is of more such records, the counts themselves are exact",
        "validation_rules_version": VALIDATION_RULES,
        "group_by": level_name([name for name in parameters.group_by if name != COUNTY]),
        "rolling_months": parameters.rolling_months,
        "window_unit": "year" if 0 < given.account.year_only == given.account.used else "month",
        "sd_low": parameters.sd_low,
        "sd_high": parameters.sd_high,
        "min_group": parameters.min_group,
        "standard_deviation": parameters.standard_deviation,
        "supporting": list(parameters.supporting),
        "checks_run": [check for check in CHECKS if check in given.checks],
        "checks_not_run": dict(given.not_run),
        "sales_behind_windows": behind,
        "confidence_level": parameters.confidence_level,
    }


def _quality(given: Judged, rows: pl.DataFrame, parameters: ValidationParameters) -> Mapping[str, Any]:
    own = level_name([name for name in parameters.group_by if name != COUNTY])
    small = (pl.col("group_n") < parameters.min_group) | pl.col("level_judged").ne_missing(own)
    grouped = rows.lazy().group_by("own_group", "window_end", small.alias("small")).len()
    cells = grouped.collect(engine="streaming").drop_nulls()  # the other engine writes the keys of all rows out
    thin = int(cells["small"].sum())
    return {
        **data_quality(given.account, cells=cells.height, thin=thin, thin_below=parameters.min_group),
        "kept_by_override": int((rows["valid"] & ~rows["valid_by_rules"]).sum()),
        "context_sales": given.sales.height - rows.height,
        "year_only_sales": given.account.year_only,
    }
