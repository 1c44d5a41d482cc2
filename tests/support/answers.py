"""What tests read off an answer whose rows are sections."""

from __future__ import annotations

from typing import Any

import polars as pl

from terrafusion.analysis.api import Answer


def table(answer: Answer, section: str, **wanted: Any) -> pl.DataFrame:
    """Return the rows of a section that have those values."""
    rows = answer.rows.filter(pl.col("section") == section)
    for name, value in wanted.items():
        rows = rows.filter(pl.col(name) == value)
    return rows


def only(answer: Answer, section: str, **wanted: Any) -> dict[str, Any]:
    """Return the first of those rows."""
    return table(answer, section, **wanted).row(0, named=True)


def codes(answer: Answer) -> list[str]:
    """Return what the answer warns of."""
    return [caution.code for caution in answer.warnings]
