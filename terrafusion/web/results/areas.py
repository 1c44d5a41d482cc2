"""Areas that behave alike: a map of them, and each one's level and growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.bars import Limit
from terrafusion.web.charts.map import Area, map_of
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Drawing, Key
from terrafusion.web.results.groups import areas_of, shaded_map
from terrafusion.web.results.view import Part, Result, Row, Rows, Section, View, picture, rows_in, sections, table
from terrafusion.wording import change

COLOURS: Final = 8
AREAS: Final = (
    "area",
    "market_area",
    "rank",
    "similarity",
    "n",
    "level_pct",
    "level_pct_ci_low",
    "level_pct_ci_high",
    "growth_pct_a_year",
    "growth_pct_a_year_ci_low",
    "growth_pct_a_year_ci_high",
    "median_price_per_sqft",
    "median_price_per_sqft_ci_low",
    "median_price_per_sqft_ci_high",
    "sales_a_year",
)
DISTANCES: Final = ("area", "rank", "similarity", "level_distance", "growth_distance", "unit_price_distance", "activity_distance", "mix_distance", "location_distance")  # fmt: skip
MARKET_AREAS: Final = ("market_area", "members", "areas", "n", "level_pct", "level_pct_ci_low", "level_pct_ci_high")


def _of(result: Result, record: str) -> Rows:
    return [row for row in result.rows if row.get("record") == record]


def _sections(result: Result) -> Sequence[Section]:
    areas, joined = _of(result, "area"), _of(result, "market_area")
    within = rows_in(result.summary.get("within"))
    where = [*picture(_map(result, areas)), *([table("Market areas", joined, MARKET_AREAS)] if joined else [])]
    alike = [row for row in areas if row.get("rank")]
    told = table("Distances to the area asked for, feature by feature; 0 is alike", alike, DISTANCES)
    return sections(
        Section(id="map", title="Where they lie", parts=where),
        Section(id="alike", title="How alike", parts=[*_alike(result, alike), *([told] if alike else [])]),
        Section(id="level", title="Level and growth", parts=[*_figures(areas)]),
        Section(
            id="within",
            title="Against ZIP codes",
            parts=[table("Variance inside market areas and ZIPs", within)] if within else [],
        ),
    )


def _map(result: Result, areas: Rows) -> Drawing | None:
    """Colour areas by market area; by similarity where one area was asked for."""
    if not any(row.get("market_area") for row in areas):
        values = {str(row.get("area")): number(row.get("similarity")) or 0.0 for row in areas if not row.get("thin")}
        return shaded_map(result, "Similarity", values, "{:.2f}".format)
    number_of = {str(row.get("area")): int(number(row.get("market_area")) or 0) for row in areas}
    drawn = [
        Area(name, cells, _colour(number_of.get(name, 0)), f"{name}: {_says(number_of.get(name, 0))}")
        for name, cells in areas_of(result).items()
    ]
    shown = sorted({number_of.get(area.name, 0) for area in drawn})
    legend = [Key(f"area {_colour(one)}", _says(one)) for one in shown]
    return map_of("Market areas", drawn, legend=legend, about="Which area belongs to which market area. North is up.")


def _colour(number_of: int) -> str:
    return f"c{(number_of - 1) % COLOURS}" if number_of else "blank"


def _says(number_of: int) -> str:
    return f"market area {number_of}" if number_of else "too few sales"


def _alike(result: Result, rows: Rows) -> list[Part]:
    marks = [Estimate(name=str(row.get("area")), value=number(row.get("similarity"))) for row in rows]
    look = Look(words="{:.2f}".format, reach=(0, 1), limits=[Limit("soft", 1.0, "alike in all")])
    return picture(forest(f"Similarity to {result.summary.get('subject_area')}, 1 is alike in all", marks, look))


def _figures(areas: Rows) -> Sequence[Part]:
    known = [row for row in areas if not row.get("thin")]
    parts: list[Part] = []
    for name, says in (("level_pct", "Level against the county"), ("growth_pct_a_year", "Growth a year")):
        ranked = sorted(known, key=lambda row: (-(number(row.get(name)) or 0), str(row.get("area"))))
        legend = [Key("dot c0", says), Key("whisker c0", "its interval")]
        drawing = forest(says, [_estimate(row, name) for row in ranked], Look(words=change, legend=legend))
        last = name == "growth_pct_a_year"
        parts += picture(drawing, table("Areas", areas, AREAS, folded=True) if last else None)
    return parts


def _estimate(row: Row, name: str) -> Estimate:
    joined = number(row.get("market_area"))
    return Estimate(
        name=str(row.get("area")),
        value=number(row.get(name)),
        low=number(row.get(f"{name}_ci_low")),
        high=number(row.get(f"{name}_ci_high")),
        kind=_colour(int(joined or 1)),
    )


VIEW: Final = View(
    headline=("areas_compared", "areas", "sales_compared", "county_growth_pct_a_year"),
    sections=_sections,
)
