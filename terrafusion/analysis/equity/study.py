"""The study of equity: from a county's records to how fairly values are spread over homes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.equity import findings
from terrafusion.analysis.equity.clusters import APART, COLUMNS, ladder
from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.equity.rows import GROUP, Study, study_of, to_rows
from terrafusion.analysis.frames import column_by_column
from terrafusion.analysis.groups import ALL, coded, columns_of, in_order, level_name
from terrafusion.analysis.parameters import COUNTY
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.ratios.groups import Laid, laid_out
from terrafusion.analysis.ratios.reading import assessment_level, read, valued
from terrafusion.analysis.ratios.rows import Rules, kept_of
from terrafusion.analysis.ratios.sample import Ratios
from terrafusion.analysis.ratios.standard import SOURCE, bands
from terrafusion.analysis.ratios.study import TRIM, measured, rules_of, skipped
from terrafusion.analysis.ratios.time import Adjusted, adjust
from terrafusion.analysis.selection import Account, Selection, select

_COLUMNS: Final = COLUMNS | {"latitude", "longitude"}
_STUDIED: Final = (*sorted(APART | _COLUMNS), "value", "price")
"""What is computed with beside what `Laid` has."""


@dataclass(frozen=True, slots=True)
class _Sales:
    """The sales laid out, and by group. The frames that they came in, which are as large as the file, are kept no longer."""

    laid: Laid
    by_group: pl.DataFrame
    account: Account
    adjusted: Adjusted
    """Without its sales."""

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield the sales of each group, in the order of the groups' names."""
        for begin, end in pairwise(self.laid.edges.tolist()):
            yield self.by_group[begin:end]


def equity_study(records: Records, parameters: EquityParameters, progress: Progress) -> Answer:
    """Answer how fairly homes are assessed; raises InvalidParameters where the records cannot."""
    sales = _read(records, parameters, progress)
    account, adjusted = sales.account, sales.adjusted
    level = assessment_level(records, parameters)
    rules = replace(rules_of(parameters, level=level, sales=account.used), trim=None)
    studies, overall = _studied(sales, rules, parameters, progress)
    rows = to_rows(studies)
    told = findings.Told(records.county_id, parameters, overall, rows)
    return Answer(
        summary={
            "key_finding": findings.key_finding(told),
            "data_points_analyzed": account.used,
            **_method(parameters, rules, adjusted),
            **{name: overall.row.get(name) for name in GROUP if name not in {"group", "suppressed"}},
            "value_groups": [_by_value(row) for row in overall.value_groups],
            **findings.tally(rows),
            **provenance(records, parameters),
        },
        data_quality=_quality(account, rows, parameters),
        warnings=[*account.warnings, *adjusted.warnings, *skipped(parameters, rules), *_warnings(told, account)],
        rows=rows,
        table=rows,
    )


def _read(records: Records, parameters: EquityParameters, progress: Progress) -> _Sales:
    progress(0.0, "Reading sales")
    selection = _selected(records, parameters)
    adjusted = adjust(records, selection, parameters, lambda done, doing: progress(0.2 * done, doing))
    used, excluded = _trimmed(adjusted.sales, parameters)
    selection = replace(selection, used=used, excluded={**selection.excluded, **excluded})
    account, adjusted = selection.account(), replace(adjusted, sales=used.clear())
    laid = laid_out(used, parameters)
    return _Sales(laid, _by_group(used), account, adjusted)


def _selected(records: Records, parameters: EquityParameters) -> Selection:
    groups, profile = columns_of(parameters.group_by), records.profile
    # nobody holds what was read: it is as large as the file
    chosen = select(
        read(records, parameters, also=_COLUMNS, apart=APART, coded=True),
        parameters,
        profile,
        groups=groups,
        across_pauses=True,
    )
    return valued(chosen, roll_year=parameters.roll_year or profile.roll_year)


def _by_group(used: pl.DataFrame) -> pl.DataFrame:
    """Return `_STUDIED` of the sales in the order of their groups."""
    places = in_order(coded(used["group"])[0].to_numpy())
    return column_by_column(used.select(_STUDIED), lambda column: column.gather(places))


def _trimmed(sales: pl.DataFrame, parameters: EquityParameters) -> tuple[pl.DataFrame, dict[str, int]]:
    """Leave out the ratios beyond the bounds of their group, and count them."""
    multiple = TRIM[parameters.trim]
    if multiple is None or sales.is_empty():
        return sales, {}
    blocks = laid_out(sales, parameters).blocks()
    limits = pl.concat(_limits(block.ratios, multiple, parameters.trim_min_sales) for _, block in blocks)
    low, high = limits[coded(sales["group"])[0]].get_columns()
    kept = sales.filter((pl.col("value") / pl.col("price")).is_between(low, high))
    gone = sales.height - kept.height
    return kept, {"ratio_outlier": gone} if gone else {}


def _limits(ratios: Ratios, multiple: float, least: int) -> pl.DataFrame:
    """Return the least and the greatest ratio that is kept of each group."""
    begins, ends, _ = kept_of(ratios, multiple, least)
    low, high = (ratios.segments.at(ratios.ratio, places) for places in (begins, ends - 1))
    return pl.DataFrame({"low": low, "high": high})


def _studied(
    sales: _Sales, rules: Rules, parameters: EquityParameters, progress: Progress
) -> tuple[list[Study], Study]:
    """Return the studies of the groups, in the order of their names, and that of all sales together."""
    laid, used = sales.laid, sales.by_group
    rows, whole, levels = measured(
        laid, rules, lambda done, doing: progress(0.2 + 0.4 * done, doing), besides=lambda: ladder(used)
    )
    studies = []
    each = (ratios for _, block in laid.blocks() for ratios in block.ratios.each())
    for row, ratios, part in zip(rows.iter_rows(named=True), each, sales.parts(), strict=True):
        studies.append(study_of(row, ratios, part, levels, parameters))
        progress(0.6 + 0.3 * len(studies) / rows.height, "Comparing like homes and neighbours")
    if len(studies) == 1:
        return studies, studies[0]
    return studies, study_of({**whole, "group": ALL}, laid.whole().ratios, used, levels, parameters)


def _method(parameters: EquityParameters, rules: Rules, adjusted: Adjusted) -> dict[str, Any]:
    drawn = f"percentiles of {rules.iterations} seeded draws" if rules.iterations else "normal by influence"
    judged = bands(parameters.property_class, parameters.jurisdiction_size, level=rules.level)
    wanted = ("median", "prd", "prb", "mki", "vei")
    return {
        "method": f"vertical: IAAO ratio statistics, PRD, MKI and KI with {drawn}; horizontal: COD of unit prices "
        f"inside clusters of like homes, Moran's I of ln r over the {parameters.neighbors} nearest places",
        "cross_check": "PRB, VEI and MKI beside each other; Moran's I by random orders",
        "value_field": parameters.value_field,
        "group_by": level_name([name for name in parameters.group_by if name != COUNTY]),
        "confidence_level": rules.confidence_level,
        "assessment_level": rules.level,
        "trim": parameters.trim,
        "time_adjust": parameters.time_adjust,
        "time_adjust_period": adjusted.period,
        "bands": {name: list(judged[name]) for name in wanted},
        "bands_source": SOURCE,
    }


def _by_value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "group"}


def _quality(account: Account, rows: pl.DataFrame, parameters: EquityParameters) -> Mapping[str, Any]:
    below, groups = parameters.fallback_min_sales, rows.filter(pl.col("record") == "group")
    thin = groups.filter(pl.col("n") < below).height
    return {
        **data_quality(account, cells=groups.height, thin=thin, thin_below=below),
        "suppressed_cells": int(groups["suppressed"].sum()),
        "year_only_sales": account.year_only,
    }


def _warnings(told: findings.Told, account: Account) -> Iterator[Caution]:
    if account.used:
        yield from findings.cautions(told, account)
