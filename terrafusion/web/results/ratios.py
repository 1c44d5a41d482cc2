"""What ratio studies and studies of equity share: the measures with the bands of the standard and its verdicts, and the level by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from terrafusion.web.charts.points import Estimate, Look, upright
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.view import Figure, Grid, Part, Result, Row, Rows, figure_of, picture, table
from terrafusion.wording import label

JUDGED: Final = ("median", "cod", "prd", "prb", "mki", "vei")


def ratio(value: float) -> str:
    """Write a ratio."""
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def band_of(result: Result, name: str) -> tuple[float, float] | None:
    """Return what is acceptable for a measure, None where the standard says nothing."""
    bands: Any = result.summary.get("bands")
    found = bands.get(name) if isinstance(bands, Mapping) else None
    ends = [number(end) for end in found] if isinstance(found, Sequence) and not isinstance(found, str) else []
    return (ends[0], ends[1]) if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None  # noqa: PLR2004


def said(band: tuple[float, float] | None) -> str:
    """Write a band."""
    return "" if band is None else f"{band[0]:g} to {band[1]:g}"


def judged(result: Result, name: str) -> Figure:
    """Tell a measure of all sales with its interval, verdict and band."""
    value, ends = figure_of(result.summary, name)
    verdict = str(result.summary.get(f"{name}_verdict") or "")
    return Figure(label(name), value, ends, verdict, said(band_of(result, name)))


def standard(result: Result, rows: Rows) -> list[Part]:
    """Put the measures beside the standard, and count the groups by verdict."""
    names = [name for name in JUDGED if result.summary.get(name) is not None]
    told: Any = result.summary.get("group_verdicts")
    counts = told if isinstance(told, Mapping) and len(rows) > 1 else {}
    cells = [_against(result, name, counts.get(name)) for name in names]
    heads = ["Estimate", "Interval", "Acceptable", "Verdict", *(["Groups met / may be / not met"] if counts else [])]
    source = result.summary.get("bands_source", "")
    caption = f"Measures against the standard; bands {source}".removesuffix(" ")
    return [Grid(caption=caption, heads=["Measure", *heads], rows=cells)] if cells else []


def _against(result: Result, name: str, counts: Any) -> tuple[str, str, Sequence[str]]:
    one = judged(result, name)
    kind = {"met": "met", "statistically met": "may", "not met": "unmet"}.get(one.verdict, "plain")
    groups = [] if not isinstance(counts, Mapping) else [" / ".join(str(count) for count in counts.values())]
    return kind, one.name, [one.value, one.interval, one.band, one.verdict, *groups]


def by_value(result: Result, rows: Rows, title: str, columns: Sequence[str]) -> list[Part]:
    """Draw the level of each part of the sales by value, against the level of all."""
    found = [
        Estimate(
            name=_name(row),
            value=number(row.get("median")),
            low=number(row.get("median_ci_low")),
            high=number(row.get("median_ci_high")),
        )
        for row in rows
    ]
    legend = [Key("dot c0", "Median ratio"), Key("whisker c0", "its interval"), Key("zone ok", "Acceptable level")]
    look = Look(words=ratio, zone=band_of(result, "median"), legend=legend, axis="Median ratio, cheapest homes first")
    return picture(upright(title, found, look), table(title, rows, columns, folded=True))


def _name(row: Row) -> str:
    return str(row.get("value_group", ""))
