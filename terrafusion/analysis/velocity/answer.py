"""Sales velocity: from a county's records to its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.survey import Survey, stacked, survey
from terrafusion.analysis.velocity.evidence import ABSENT, Evidence, evidence_of
from terrafusion.analysis.velocity.findings import Told, key_finding
from terrafusion.analysis.velocity.monthly import YEARS_ALONE
from terrafusion.analysis.velocity.parameters import SalesVelocityParameters
from terrafusion.analysis.velocity.points import points_of
from terrafusion.analysis.velocity.totals import seasons_of, totals_of

UNAVAILABLE: Final = "unavailable: listing data absent"

_METHOD: Final = (
    "counts of all sales and ratios of counts, without intervals because they are no sample; hold times by Kaplan-Meier with log-log "
    "intervals; medians of gains, holds, days on market and sale-to-list with order-statistic intervals; seasons by "
    "classical decomposition with t-intervals"
)
_CHECK: Final = (
    "median of completed holds, which is too short, beside the Kaplan-Meier median; pooled gain beside the median gain"
)

_SHARED: Final = {
    ABSENT: ("listing_data_absent", "No listings are loaded"),
    YEARS_ALONE: ("days_unknown", "Of some sales only the year is known and no day"),
}
"""Reasons for which several measures cannot be told: one warning names them all."""


@dataclass(frozen=True, slots=True)
class _Figures:
    points: pl.DataFrame
    groups: pl.DataFrame
    seasons: pl.DataFrame


def sales_velocity(records: Records, parameters: SalesVelocityParameters, progress: Progress) -> Answer:
    """Answer how fast homes change hands in each group; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    surveyed = survey(records, parameters, {"parcel_number", "sale_id"})
    progress(0.3, "Following parcels from sale to sale")
    evidence = evidence_of(surveyed, parameters)
    progress(0.6, "Putting the figures together")
    found = _figures(surveyed, evidence)
    overall, gathered = found, evidence
    if len(surveyed.market.labels) != 1:
        whole = surveyed.together()
        gathered = evidence.together(whole, parameters)
        overall = _figures(whole, gathered)
    return Answer(
        summary={
            **_headline(surveyed, overall, parameters),
            "listing_measures": UNAVAILABLE if ABSENT in gathered.unavailable.values() else "available",
            "unavailable": dict(gathered.unavailable),
            **provenance(records, parameters),
        },
        data_quality=_quality(surveyed, gathered, found.points),
        warnings=[*surveyed.warnings(), *_cautions(surveyed, evidence)],
        rows=found.points,
        table=stacked(point=found.points, group=found.groups, season=found.seasons),
    )


def _figures(surveyed: Survey, evidence: Evidence) -> _Figures:
    points = points_of(surveyed, evidence)
    names = surveyed.market.calendar.select("ordinal", pl.col("period").alias("supply_period"))
    totals = totals_of(surveyed, evidence, points).join(
        names, left_on="supply_ordinal", right_on="ordinal", how="left", maintain_order="left"
    )
    return _Figures(surveyed.named(points), totals.drop("supply_ordinal"), seasons_of(surveyed, evidence))


def _headline(surveyed: Survey, overall: _Figures, parameters: SalesVelocityParameters) -> dict[str, Any]:
    groups, calendar = overall.groups, surveyed.market.calendar["period"]
    total: Mapping[str, Any] = groups.row(0, named=True) if groups.height else dict.fromkeys(groups.columns)
    told = Told(
        county_id=surveyed.records.county_id,
        span=(calendar[0], calendar[-1]) if len(calendar) else None,
        total=total,
        seasons=overall.seasons,
        min_sales=parameters.min_sales,
        min_hold_months=parameters.min_hold_months,
        confidence_level=parameters.confidence_level,
    )
    return {
        **surveyed.summary(key_finding(told), method=_METHOD, cross_check=_CHECK),
        **{name: value for name, value in total.items() if name != "group"},
        "seasonality": overall.seasons.drop("group").to_dicts(),
    }


def _quality(surveyed: Survey, gathered: Evidence, points: pl.DataFrame) -> dict[str, Any]:
    used, matched = surveyed.selection.used, gathered.matched.height
    named = used["parcel_number"].count()
    return {
        **surveyed.quality(points),
        "sales_without_parcel": used.height - named,
        "sales_on_a_day_of_another": None if "hold_days" in gathered.unavailable else named - gathered.spells.height,
        "listings_read": gathered.listings_read,
        "listings_placed": gathered.listings.height,
        "listings_matched": matched,
    }


def _cautions(surveyed: Survey, evidence: Evidence) -> Iterator[Caution]:
    unavailable = evidence.unavailable
    for name, reason in unavailable.items():
        if reason not in _SHARED:
            yield Caution(f"{name}_unavailable", f"{name} cannot be told: {reason}")
    for reason, (code, said) in _SHARED.items():
        names = [name for name, why in unavailable.items() if why == reason]
        if names:
            yield Caution(code, f"{said}, so {', '.join(names)} cannot be told")
    if surveyed.selection.used.height and evidence.spells.is_empty() and "hold_days" not in unavailable:
        yield Caution("parcels_unknown", "No sale names its parcel, so neither hold times nor gains can be told")
    if evidence.spells.height and not evidence.spells["ended"].any():
        yield Caution("no_resales", "No parcel sold twice, so neither hold times nor gains can be told")
