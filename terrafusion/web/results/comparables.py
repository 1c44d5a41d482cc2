"""Comparable sales as appraisers know them: the subject and its comparables in columns, adjustments in rows of dollars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from terrafusion.errors import NotFound
from terrafusion.web.charts.bars import Limit
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import choices
from terrafusion.web.results.view import (
    Grid,
    Note,
    Part,
    Result,
    Row,
    Rows,
    Section,
    View,
    picture,
    rows_in,
    sections,
    table,
)
from terrafusion.wording import NOTHING, dollars, figure, label, level, per_cent

SUBJECT: Final = "subject_parcel_id"
SUBJECTS: Final = (
    SUBJECT,
    "comparables",
    "estimated_value",
    "value_low",
    "value_high",
    "model_value",
    "reason",
    "flags",
)
HOME: Final = "building_size_sqft"


def _sections(result: Result) -> Sequence[Section]:
    subjects = rows_in(result.summary.get("subjects"))
    chosen = _chosen(result, subjects)
    own = [] if chosen is None else [row for row in result.rows if row.get(SUBJECT) == chosen.get(SUBJECT)]
    accuracy = result.summary.get("accuracy")
    tested = (
        [table("Latest sales valued in the same way, against their prices", [accuracy])]
        if isinstance(accuracy, Mapping)
        else []
    )
    return sections(
        None if chosen is None else _subject(result, subjects, chosen, own),
        Section(
            id="subjects",
            title="All subjects",
            parts=[table("Subjects", subjects, SUBJECTS)] if len(subjects) > 1 else [],
        ),
        Section(id="accuracy", title="How well such values hit", parts=tested),
    )


def _chosen(result: Result, subjects: Rows) -> Row | None:
    if result.chosen.subject is None:
        return next((row for row in subjects if row.get("estimated_value") is not None), next(iter(subjects), None))
    found = [row for row in subjects if str(row.get(SUBJECT)) == result.chosen.subject]
    if not found:
        value = result.chosen.subject[:100]
        raise NotFound(f"the result values no parcel {value!r}", field="subject", value=value)
    return found[0]


def _subject(result: Result, subjects: Rows, chosen: Row, rows: Rows) -> Section:
    name = str(chosen.get(SUBJECT))
    names = [str(row.get(SUBJECT)) for row in subjects]
    parts: list[Part] = [*_indicated(chosen, rows), *_grid(result, chosen, rows)]
    if chosen.get("estimated_value") is None:
        parts.insert(0, Note(f"No value: {label(str(chosen.get('reason') or 'unknown')).lower()}."))
    picked = choices("Subjects", names, name, lambda one: result.link("subject", subject=one))
    return Section(id="subject", title=f"Parcel {name}", parts=parts, choices=picked)


def _indicated(chosen: Row, rows: Rows) -> list[Part]:
    """Draw what each comparable sold for and what that comes to for the subject, with the value and its range."""
    value, low, high = (number(chosen.get(key)) for key in ("estimated_value", "value_low", "value_high"))
    marks = [
        Estimate(
            name=f"{row.get('rank')}. {row.get('parcel_number')}",
            value=number(row.get("adjusted_price")),
            beside=number(row.get("sale_price")),
        )
        for row in rows
    ]
    zone = (low, high) if low is not None and high is not None else None
    legend = [Key("dot c0", "Adjusted price"), Key("dot beside", "Sale price")]
    legend += [Key("zone ok", "Range of the value")] if zone else []
    limits = [] if value is None else [Limit("c1", value, f"Indicated value {dollars(value)}")]
    legend += [Key("limit c1", limits[0].text)] if limits else []
    drawing = forest(
        "What each comparable sold for, and what it comes to",
        marks,
        Look(words=dollars, zone=zone, limits=limits, legend=legend),
    )
    return picture(drawing)


def _grid(result: Result, chosen: Row, rows: Rows) -> list[Part]:
    if not rows:
        return []
    homes = [row for row in rows_in(result.pictures.get("homes")) if row.get(SUBJECT) == chosen.get(SUBJECT)]
    by_rank = {int(number(row.get("rank")) or 0): row for row in homes}
    subject, others = by_rank.get(0, {}), [by_rank.get(int(number(row.get("rank")) or 0), {}) for row in rows]
    adjusted: Sequence[Mapping[str, Any]] = [row.get("adjustments") or {} for row in rows]
    told: list[tuple[str, str, Sequence[str]]] = [
        ("plain", "Parcel", [str(chosen.get(SUBJECT)), *(str(row.get("parcel_number")) for row in rows)]),
        ("plain", "Sale date", [NOTHING, *(figure(row.get("sale_date")) for row in rows)]),
        ("plain", "Distance, km", [NOTHING, *(_km(row) for row in rows)]),
        ("sum", "Sale price", [NOTHING, *(_dollars(row.get("sale_price")) for row in rows)]),
    ]
    for name in dict.fromkeys(name for one in adjusted for name in one):
        told += _adjustment(name, subject, others, [one.get(name) for one in adjusted])
    told += [
        ("part", "Net adjustment", [NOTHING, *(figure(row.get("net_adjustment_pct"), "change_pct") for row in rows)]),
        ("part", "Gross adjustment", [NOTHING, *(_per_cent(row.get("gross_adjustment_pct")) for row in rows)]),
        ("sum", "Adjusted price", [NOTHING, *(_dollars(row.get("adjusted_price")) for row in rows)]),
        ("part", "Weight", [NOTHING, *(_per_cent(100 * (number(row.get("weight")) or 0)) for row in rows)]),
        ("sum", "Indicated value", [_dollars(chosen.get("estimated_value")), *("" for _ in rows)]),
        ("plain", _says_range(result), [_range(chosen), *("" for _ in rows)]),
        ("plain", "To mind", [_flags(chosen), *(_flags(row) for row in rows)]),
    ]
    heads = ["", "Subject", *(f"Comparable {row.get('rank')}" for row in rows)]
    return [
        Grid(caption="Sales comparison grid; adjustments bring each comparable to the subject", heads=heads, rows=told)
    ]


def _adjustment(
    name: str, subject: Row, others: Sequence[Row], dollars_of: Sequence[Any]
) -> Sequence[tuple[str, str, Sequence[str]]]:
    """Tell a characteristic of each home where it is known, and the adjustment for it where there is one."""
    rows: list[tuple[str, str, Sequence[str]]] = []
    if any(home.get(name) is not None for home in (subject, *others)):
        rows.append(("plain", label(name), [_home(home, name) for home in (subject, *others)]))
    if any(value for value in dollars_of):
        amounts = [_signed(value) for value in dollars_of]
        rows.append(("part", f"{'adjusted' if rows else label(name)}", [NOTHING, *amounts]))
    return rows


def _home(home: Row, name: str) -> str:
    value = home.get(name)
    known = number(value)
    if known is None or name == "year_built":
        return figure(value) if known is None else f"{known:.0f}"
    return f"{known:,.0f}" if name.endswith("sqft") else f"{known:g}"


def _dollars(value: Any) -> str:
    known = number(value)
    return NOTHING if known is None else dollars(known)


def _signed(value: Any) -> str:
    known = number(value)
    if known is None:
        return NOTHING
    return f"+{dollars(known)}" if round(known) > 0 else dollars(round(known) + 0.0)


def _per_cent(value: Any) -> str:
    known = number(value)
    return NOTHING if known is None else per_cent(known)


def _km(row: Row) -> str:
    known = number(row.get("distance_km"))
    return NOTHING if known is None else f"{known:.2f}"


def _says_range(result: Result) -> str:
    sure = number(result.summary.get("interval_level"))
    return "Range" if sure is None else f"{level(sure)} range"


def _range(chosen: Row) -> str:
    low, high = _dollars(chosen.get("value_low")), _dollars(chosen.get("value_high"))
    return NOTHING if low == NOTHING else f"{low} to {high}"


def _flags(row: Row) -> str:
    flags = row.get("flags")
    return ", ".join(str(flag).replace("_", " ") for flag in flags) if isinstance(flags, list) and flags else NOTHING


VIEW: Final = View(
    headline=("median_estimated_value", "subjects_valued", "subjects_asked", "residual_sd_pct"),
    sections=_sections,
)
