"""Rows of any shape for the eyes: as many of their columns as the terminal holds, an interval beside its estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from terrafusion.wording import NOTHING, estimates, is_table

SHOWN: Final = 12
BESIDE: Final = frozenset({"period_start", "period_end"})
"""Columns that say what `period` says."""
LONGEST: Final = 32
WHOLE_FROM: Final = 1000
"""Numbers from here on are told without a fraction."""

Row = Mapping[str, Any]


def of_rows(rows: Sequence[Row], width: int) -> Iterator[RenderableType]:
    """Show the first rows, and say how many rows and columns are not shown. What all rows share stands in no column."""
    columns = list(_columns(rows))
    told = [column for column in columns if set(column.cells) != {NOTHING}]
    if not told:
        return
    shown = told[: _fitting([column.width for column in told], width)]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for column in shown:
        table.add_column(column.head, justify="left" if column.is_text else "right", no_wrap=True)
    for line in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*map(Text, line))
    yield table
    left = [_more(len(rows) - SHOWN, "row"), _more(len(columns) - len(shown), "column")]
    if any(left):
        yield Text(f"{' and '.join(filter(None, left))} stand in the JSON and in the file.", "dim")


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: Sequence[str]
    is_text: bool

    @property
    def width(self) -> int:
        return max(map(len, (*self.head.split("\n"), *self.cells))) + 1


def _columns(rows: Sequence[Row]) -> Iterator[_Column]:
    """Yield what differs between rows, what is nested last."""
    one_group = len({row.get("group") for row in rows}) == 1
    some = rows[-SHOWN:] if one_group and "period" in rows[0] else rows[:SHOWN]
    told = [list(estimates(row, rows[0])) for row in some]
    names = [name for name, _, _ in told[0]]
    for index in sorted(range(len(names)), key=lambda place: _is_nested(some, names[place])):
        name, cells = names[index], [_cell(*line[index][1:]) for line in told]
        if _differs(rows, name) if len(rows) > 1 else cells != [NOTHING]:
            is_text = all(row[name] is None or isinstance(row[name], str) for row in some)
            yield _Column(name.replace("_", "\n"), cells, is_text)


def _differs(rows: Sequence[Row], name: str) -> bool:
    return name not in BESIDE and any(row[name] != rows[0][name] for row in rows)


def _is_nested(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row[name], Mapping) or is_table(row[name]) for row in rows)


def _cell(value: str, interval: str) -> str:
    text = f"{value} ({interval})" if interval else value
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _fitting(widths: Sequence[int], width: int) -> int:
    """Count the columns, at least one, that stand side by side."""
    return max(1, sum(reach <= width for reach in accumulate(widths)))


def _more(count: int, what: str) -> str:
    return f"{count:,} more {what}{'' if count == 1 else 's'}" if count > 0 else ""


def number(value: Any) -> str:
    """Say a value for people: as many digits as they can use, a dash for what is not there."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
