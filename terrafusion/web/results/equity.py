"""A study of equity: the level by value, unit prices among like homes, and whether neighbours are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import Compared, compare
from terrafusion.web.results.ratios import band_of, by_value, ratio, said, standard
from terrafusion.web.results.view import Note, Part, Result, Rows, Section, View, picture, rows_in, sections, table

VALUE_GROUPS: Final = ("value_group", "n", "value_low", "value_high", "median", "median_ci_low", "median_ci_high")
CLUSTERS: Final = (
    "cluster",
    "n",
    "median",
    "median_ci_low",
    "median_ci_high",
    "price_per_sqft_median",
    "price_per_sqft_cod",
    "value_per_sqft_median",
    "value_per_sqft_cod",
)
UNIT_PRICES: Final = {"price_per_sqft": "Prices per square foot", "value_per_sqft": "Assessed values per square foot"}
WHERE: Final = {"overall": "all homes", "within": "inside clusters of like homes"}
SURE: Final = 0.05


def _of(result: Result, record: str) -> Rows:
    return [row for row in result.rows if row.get("record") == record]


def _sections(result: Result) -> Sequence[Section]:
    groups = rows_in(result.summary.get("value_groups"))
    level = by_value(result, groups, "Level by tenth of the homes by value", VALUE_GROUPS)
    return sections(
        Section(id="standard", title="Against the standard", parts=standard(result, _of(result, "group"))),
        Section(id="value", title="Cheap and dear homes", parts=level),
        Section(id="like", title="Like homes", parts=_like(result)),
        Section(id="neighbours", title="Neighbours", parts=_neighbours(result)),
        Section(id="groups", title="Groups side by side", parts=_groups(result)),
    )


def _like(result: Result) -> list[Part]:
    """Put the dispersion of unit prices inside clusters of like homes beside that of all homes."""
    rows = [
        Estimate(
            name=f"{what}, {place}"[:60],
            value=number(result.summary.get(f"{name}_cod_{where}_corrected")),
            low=number(result.summary.get(f"{name}_cod_{where}_corrected_ci_low")),
            high=number(result.summary.get(f"{name}_cod_{where}_corrected_ci_high")),
            kind="c0" if where == "within" else "c1",
        )
        for name, what in (("price_per_sqft", "Prices"), ("value_per_sqft", "Values"))
        for where, place in (("overall", "all homes"), ("within", "like homes"))
    ]
    legend = [
        Key("dot c0", "Inside clusters of like homes"),
        Key("dot c1", "All homes"),
        Key("whisker c0", "its interval"),
    ]
    drawing = forest("COD per square foot", rows, Look(words="{:.1f}".format, legend=legend))
    clusters = sorted(_of(result, "cluster"), key=lambda row: -(number(row.get("n")) or 0))
    note = "Where values differ less among like homes than prices do, assessments even out what the market does not."
    return picture(
        drawing, table("Clusters of like homes, the largest first", clusters, CLUSTERS, folded=True), note=note
    )


def _neighbours(result: Result) -> list[Part]:
    index, p = number(result.summary.get("moran_i")), number(result.summary.get("moran_p"))
    if index is None:
        return []
    alike = (
        "are more alike than chance would have it"
        if p is not None and p < SURE and index > 0
        else "are as different as chance has it"
    )
    told = [{name: result.summary.get(name) for name in ("moran_i", "moran_expected", "moran_z", "moran_p", "moran_permutation_p", "moran_places")}]  # fmt: skip
    return [Note(f"Ratios of neighbours {alike} (Moran's I {index:.3f})."), table("Moran's I of ln ratio", told)]


def _groups(result: Result) -> list[Part]:
    zone = band_of(result, "median")
    told = Compared(
        name="median",
        says="Median ratio",
        words=ratio,
        low="median_ci_low",
        high="median_ci_high",
        size="n",
        zone=zone,
        zone_says=f"Acceptable {said(zone)}",
    )
    columns = ("group", "n", "median", "median_ci_low", "median_ci_high", "median_verdict", "prd", "prd_verdict", "prb", "prb_verdict", "vei", "vei_verdict", "moran_i")  # fmt: skip
    return compare(result, _of(result, "group"), told, columns)


VIEW: Final = View(
    headline=(
        "median",
        "prb",
        "vei",
        "mki",
        "price_per_sqft_within_to_overall",
        "value_per_sqft_within_to_overall",
        "moran_i",
        "n",
    ),
    sections=_sections,
)
