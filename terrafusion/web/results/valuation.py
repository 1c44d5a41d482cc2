"""Market valuation: what a parcel's value is made of, every parcel's range, and how well held-out sales were hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from terrafusion.errors import NotFound
from terrafusion.web.charts.bars import Limit, Step, waterfall
from terrafusion.web.charts.points import Estimate, Look, forest, upright
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import choices
from terrafusion.web.results.view import Note, Part, Result, Row, Rows, Section, View, picture, rows_in, sections, table
from terrafusion.wording import dollars, label, per_cent

PARCEL: Final = "parcel_number"
PARCELS: Final = (
    PARCEL,
    "estimated_value",
    "value_low",
    "value_high",
    "confidence",
    "comparables_used",
    "comparables_value",
    "model_value",
    "flags",
    "reason",
)
MOST_DRAWN: Final = 25
QUARTERS: Final = {"by_price_quarter": "Quarter of the price", "by_value_quarter": "Quarter of the value"}
ACCURACY: Final = ("n", "mdape", "mdape_ci_low", "mdape_ci_high", "cod", "cod_ci_low", "cod_ci_high", "within_10_pct", "within_10_pct_ci_low", "within_10_pct_ci_high", "median_ratio", "prd", "prb")  # fmt: skip


def _sections(result: Result) -> Sequence[Section]:
    chosen = _chosen(result)
    return sections(
        None if chosen is None else _parcel(result, chosen),
        Section(id="parcels", title="All parcels", parts=_parcels(result) if len(result.rows) > 1 else []),
        Section(id="accuracy", title="How well held-out sales were hit", parts=_accuracy(result)),
        Section(id="ranges", title="Do prices lie inside their ranges?", parts=_coverage(result)),
    )


def _chosen(result: Result) -> Row | None:
    if result.chosen.subject is None:
        return next(
            (row for row in result.rows if row.get("estimated_value") is not None), next(iter(result.rows), None)
        )
    found = [row for row in result.rows if str(row.get(PARCEL)) == result.chosen.subject]
    if not found:
        value = result.chosen.subject[:100]
        message = f"the document values no parcel {value!r}; where there are many, the file has them all"
        raise NotFound(message, field="subject", value=value)
    return found[0]


def _parcel(result: Result, chosen: Row) -> Section:
    name = str(chosen.get(PARCEL))
    names = [str(row.get(PARCEL)) for row in result.rows]
    parts = _made_of(chosen)
    if chosen.get("estimated_value") is None:
        parts.insert(0, Note(f"No value: {label(str(chosen.get('reason') or 'unknown')).lower()}."))
    picked = choices("Parcels", names, name, lambda one: result.link("parcel", subject=one))
    return Section(id="parcel", title=f"Parcel {name}", parts=parts, choices=picked)


def _made_of(chosen: Row) -> list[Part]:
    given = chosen.get("contributions")
    amounts = {name: number(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    steps = [Step(label(name), value, _signed(name, value)) for name, value in amounts.items() if value]
    low, high = number(chosen.get("value_low")), number(chosen.get("value_high"))
    span = (low, high) if low is not None and high is not None else None
    title = f"What the value of {chosen.get(PARCEL)} is made of"
    own = table("The parcel", [chosen], [name for name in PARCELS if name != PARCEL])
    comparables = table("Comparables", rows_in(chosen.get("comparables")), folded=True)
    beside: list[Part] = [comparables] if comparables.rows else []
    return [*picture(waterfall(title, steps, words=dollars, span=span), own), *beside]


def _signed(name: str, value: float) -> str:
    return dollars(value) if value < 0 or name == "base" else f"+{dollars(value)}"


def _parcels(result: Result) -> list[Part]:
    """Draw the ranges of the first parcels, and list them."""
    rows = result.rows[:MOST_DRAWN]
    marks = [
        Estimate(
            name=str(row.get(PARCEL)),
            value=number(row.get("estimated_value")),
            low=number(row.get("value_low")),
            high=number(row.get("value_high")),
            kind="c0" if row.get("confidence") == "high" else "c1",
        )
        for row in rows
    ]
    legend = [Key("dot c0", "Value, confidence high"), Key("dot c1", "medium or low"), Key("whisker c0", "its range")]
    drawing = forest("Values with their ranges", marks, Look(words=dollars, legend=legend))
    total = int(number(result.summary.get("parcels_asked")) or len(result.rows))
    note = f"The first {len(rows)} of {total:,} parcels by number are drawn." if total > len(rows) else ""
    return picture(drawing, table("Parcels", result.rows, PARCELS, folded=True, total=total), note=note)


def _accuracy(result: Result) -> list[Part]:
    """Put the median error beside that of what values are made of."""
    beside = result.summary.get("accuracy_beside")
    if number(result.summary.get("mdape")) is None:
        return []
    ways: list[Row] = [{"way": "the value", **{name: result.summary.get(name) for name in ACCURACY}}]
    others = beside.items() if isinstance(beside, Mapping) else ()
    ways += [{"way": label(str(name)).lower(), **row} for name, row in others if isinstance(row, Mapping)]
    marks = [_estimate(str(way["way"]), way, "mdape") for way in ways]
    legend = [Key("dot c0", "Median error of held-out sales"), Key("whisker c0", "its interval")]
    drawing = forest("Median error", marks, Look(words=per_cent, legend=legend))
    told = table("Accuracy on held-out sales", ways, ("way", *ACCURACY))
    grades = rows_in(result.summary.get("by_confidence"))
    return [*picture(drawing, told), *([table("By confidence", grades)] if grades else [])]


def _estimate(name: str, row: Row, field: str) -> Estimate:
    ends = (number(row.get(f"{field}_ci_low")), number(row.get(f"{field}_ci_high")))
    return Estimate(name=name, value=number(row.get(field)), low=ends[0], high=ends[1])


def _coverage(result: Result) -> list[Part]:
    promised = 100 * (number(result.summary.get("interval_level")) or 0)
    limits = [Limit("c1", promised, f"{promised:g}% promised")] if promised else []
    legend = [
        Key("dot c0", "Prices inside their range"),
        Key("whisker c0", "its interval"),
        *(Key("limit c1", one.text) for one in limits),
    ]
    parts: list[Part] = []
    for name, says in QUARTERS.items():
        rows: Rows = rows_in(result.summary.get(name))
        marks = [_estimate(f"{row.get('quarter')}", row, "interval_coverage") for row in rows]
        look = Look(
            words=per_cent,
            limits=limits,
            legend=legend,
            axis=f"Prices inside their range, by {says.lower()}, cheapest first",
        )
        parts += picture(upright(says, marks, look), table(says, rows, folded=True))
    return parts


VIEW: Final = View(
    headline=(
        "median_estimated_value",
        "parcels_valued",
        "mdape",
        "within_10_pct",
        "interval_coverage",
        "cod",
        "median_ratio",
        "n",
    ),
    sections=_sections,
)
