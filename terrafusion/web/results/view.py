"""What a page of a result is made of, ready to be written by a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from terrafusion.web.charts.shapes import Drawing
from terrafusion.wording import estimates, label

MOST_ROWS: Final = 60
"""Rows of a table on a page; the downloads have all."""

_FIGURE: Final = re.compile(r"[-+]?[$]?[0-9][0-9.,]*(?:%| points| billion)?(?: \(|$)")
"""A cell that holds a number, perhaps with its interval."""

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a reader chose of a result; None where nothing."""

    group: str | None = None
    subject: str | None = None
    reason: str | None = None
    page: int = 1
    """Which of the pages of a long list, from 1."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result document, and who reads it."""

    document: Row
    chosen: Chosen = field(default=Chosen())
    address: str = ""

    @property
    def summary(self) -> Row:
        """The headline numbers, and how they came about."""
        return _mapping(self.document.get("result_summary"))

    @property
    def rows(self) -> Rows:
        """The type's own rows, as many as the document has."""
        return rows_in(self.document.get("rows"))

    @property
    def trends(self) -> Rows:
        """The points."""
        return rows_in(self.document.get("trends"))

    @property
    def pictures(self) -> Row:
        """What pictures are drawn from beyond rows and points."""
        return _mapping(self.document.get("pictures"))

    def link(self, anchor: str, **chosen: str) -> str:
        """Lead to the same page with another choice."""
        return f"{self.address}?{urlencode(chosen)}#{anchor}" if chosen else f"{self.address}#{anchor}"


def rows_in(value: Any) -> Rows:
    """Return a list of rows; nothing where it is none."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _mapping(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: headings, rows of text, and how many rows there are in all."""

    template: ClassVar[str] = "table"
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    folded: bool = False
    earlier: str = ""
    later: str = ""
    """Where the rows before and after these are; empty where there are none."""

    @property
    def texts(self) -> Sequence[bool]:
        """Say of each column whether it holds words rather than figures."""
        columns = zip(*self.rows, strict=False)
        return [not any(_FIGURE.match(cell) for cell in column) for column in columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing with the table of what it shows."""

    template: ClassVar[str] = "picture"
    drawing: Drawing
    table: Table | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    template: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Things side by side: a column for each, what is told of them in rows, some of which are headings or sums."""

    template: ClassVar[str] = "grid"
    caption: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]
    """The kind of the row (``plain``, ``part`` or ``sum``), its name and its cells."""


Part = Table | Picture | Note | Grid


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that may be looked at, and where."""

    name: str
    link: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What may be looked at: the largest at once, others unfolded, and how many have no link."""

    title: str
    largest: Sequence[Choice]
    others: Sequence[Choice] = ()
    unlisted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page with a heading."""

    id: str
    title: str
    parts: Sequence[Part]
    choices: Choices | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the headline: what it is, its interval, and what a standard says of it."""

    name: str
    value: str
    interval: str
    verdict: str = ""
    band: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a type is shown: the names of its headline's numbers, and its sections."""

    headline: Sequence[str]
    sections: Callable[[Result], Sequence[Section]]


def table(
    caption: str, rows: Rows, names: Sequence[str] = (), *, folded: bool = False, total: int | None = None
) -> Table:
    """Write rows as text, an estimate's interval beside it; by default all columns in which a row has something."""
    wanted = [name for name in names or _columns(rows) if any(row.get(name) is not None for row in rows)]
    shown = [name for name, _, _ in estimates({}, wanted)]
    rows = rows if shown else []
    return Table(
        caption=caption,
        heads=[label(name) for name in shown],
        rows=[[_cell(value, ends) for _, value, ends in estimates(row, wanted)] for row in rows[:MOST_ROWS]],
        total=len(rows) if total is None else total,
        folded=folded,
    )


def _columns(rows: Rows) -> Sequence[str]:
    return list(dict.fromkeys(name for row in rows[:MOST_ROWS] for name in row))


def _cell(value: str, ends: str) -> str:
    return f"{value} ({ends})" if ends else value


def picture(drawing: Drawing | None, told: Table | None = None, *, note: str = "") -> list[Part]:
    """Return a picture with its table; the table alone where there is nothing to draw."""
    if drawing is not None:
        return [Picture(drawing=drawing, table=told, note=note)]
    return [] if told is None or not told.rows else [told]


def figure_of(row: Row, name: str) -> tuple[str, str]:
    """Write one number of a row and its interval."""
    return next(((value, ends) for found, value, ends in estimates(row, list(row)) if found == name), ("", ""))


def sections(*found: Section | None) -> Sequence[Section]:
    """Keep the sections that have something to show."""
    return [section for section in found if section is not None and section.parts]
