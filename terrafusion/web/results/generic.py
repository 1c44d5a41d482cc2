"""A type that has no page of its own: its numbers, its points where they are those of a trend, its tables, its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.results import trend
from terrafusion.web.results.view import Result, Section, View, table
from terrafusion.wording import is_table, label


def _sections(result: Result) -> Sequence[Section]:
    found = [*_points(result)]
    for place, (name, value) in enumerate(result.summary.items(), start=1):
        if is_table(value):
            found.append(Section(id=f"table-{place}", title=label(name), parts=[table(label(name), value)]))
    if result.rows:
        found.append(Section(id="rows", title="Rows", parts=[table("Rows of the result", result.rows)]))
    return found


def _points(result: Result) -> Sequence[Section]:
    if any("period" in point for point in result.trends):
        return trend.VIEW.sections(result)
    points = Section(id="points", title="Points", parts=[table("Points of the result", result.trends)])
    return [points] if result.trends else []


VIEW: Final = View(headline=(), sections=_sections)
