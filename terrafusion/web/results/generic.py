"""A type that has no page of its own: its numbers, its points where they are those of a trend, its tables, its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.results import trend
from terrafusion.web.results.view import Result, Section, View, table
from terrafusion.wording import is_table, label


def _sections(result: Result) -> Sequence[Section]:
    found = [*trend.VIEW.sections(result)] if result.trends else []
    for place, (name, value) in enumerate(result.summary.items(), start=1):
        if is_table(value):
            found.append(Section(id=f"table-{place}", title=label(name), parts=[table(label(name), value)]))
    if result.rows:
        found.append(Section(id="rows", title="Rows", parts=[table("Rows of the result", result.rows)]))
    return found


VIEW: Final = View(headline=(), sections=_sections)
