"""Opening a county's file: Parquet or CSV, columns by name, whatever their order and spelling."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import ComputeError, NoDataError, PolarsError

from terrafusion.errors import InvalidRequest

LONGEST_CELL: Final = 2**31 - 1
"""The outline of a parcel may be longer than what Python's reader takes by default."""


class UnreadableFile(InvalidRequest):
    """A file that cannot be taken at all; nothing of it is."""


def refuse(path: Path, complaint: str, *, allowed: str, column: str | None = None) -> UnreadableFile:
    """Put into one sentence what is wrong with a file and what would be right."""
    return UnreadableFile(f"{path.name}: {complaint}; {allowed}", field=column, value=str(path), allowed=allowed)


@dataclass(frozen=True, slots=True)
class Given:
    """A file's rows as they stand in it; column names are trimmed and in lower case. A CSV's cells are all text."""

    rows: pl.DataFrame
    cells: pl.Series | None = None
    """How many cells each row has, 0 where it is blank; None where each has as many as there are columns."""
    width: int = 0
    """How many it should have."""
    is_lossy: bool = False
    """There were bytes that are not UTF-8; U+FFFD stands for them."""


def open_table(path: Path) -> Given:
    """Read a file whole.

    Raises UnreadableFile for a file that is not there, is cut short or is not what its name says, and for
    columns that share a name or have none.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise refuse(path, f"its name ends in {path.suffix!r}", allowed=f"it must end in {' or '.join(READERS)}")
    if not path.is_file():
        raise refuse(path, "there is no such file", allowed=f"name one that ends in {' or '.join(READERS)}")
    try:
        given = reader(path)
    except NoDataError as error:
        raise refuse(path, "it is empty", allowed="a line of column names and rows are needed") from error
    except OSError as error:
        raise refuse(path, f"it cannot be read ({error.strerror or error})", allowed="name a readable file") from error
    except (PolarsError, csv.Error) as error:
        raise _unreadable(path, error) from error
    if given.rows.is_empty():
        raise refuse(path, "it has no rows", allowed="at least one row is needed")
    return given


def _unreadable(path: Path, error: PolarsError | csv.Error) -> UnreadableFile:
    reason = str(error).partition("\n")[0]
    if path.suffix.lower() == ".parquet":
        return refuse(path, f"it is no whole Parquet file ({reason})", allowed="write it again")
    return refuse(path, f"it is no regular CSV ({reason})", allowed="commas, and quotes in pairs")


def _read_parquet(path: Path) -> Given:
    table = pl.read_parquet(path, glob=False)
    return Given(table.rename(_names(path, table.columns)))


def _read_csv(path: Path) -> Given:
    """Read the names as a row: a reader that takes them for names would quietly rename repeated ones."""
    lines, is_lossy = _lines(path)
    header = dict(zip(lines.columns, lines.row(0), strict=True))
    if is_lossy and any("\ufffd" in (name or "") for name in header.values()):
        raise refuse(path, "it is not in UTF-8", allowed="save it as CSV in UTF-8")
    cells = _cells(path, lines)
    table = lines.slice(1)
    named = [column for column, name in header.items() if name or table[column].null_count() < table.height]
    renamed = table.select(named).rename(_names(path, [header[column] or "" for column in named], named))
    return Given(renamed, cells, lines.width, is_lossy)


def _lines(path: Path) -> tuple[pl.DataFrame, bool]:
    """Read all lines as text, and say whether some of it is not UTF-8."""
    as_text = partial(pl.read_csv, path, has_header=False, infer_schema=False, glob=False, truncate_ragged_lines=True)
    try:
        return as_text(), False
    except ComputeError as error:
        if "utf-8" not in str(error):
            raise
        return as_text(encoding="utf8-lossy"), True


def _cells(path: Path, lines: pl.DataFrame) -> pl.Series | None:
    """Count each row's cells, where the first row is not alike to all."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        counted = pl.Series("cells", (len(row) for row in csv.reader(text, strict=True)), pl.UInt32)
    if counted.len() != lines.height:
        msg = "its rows cannot be told apart"
        raise csv.Error(msg)
    ragged = counted.is_between(1, lines.width - 1) | (counted > lines.width)
    return counted.slice(1) if ragged.any() else None


def _names(path: Path, given: Sequence[str], columns: Sequence[str] | None = None) -> Mapping[str, str]:
    names = [name.strip().lower() for name in given]
    if "" in names:
        raise refuse(path, f"column {names.index('') + 1} has no name", allowed="name every column")
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        what = f"{repeated[0]} names {names.count(repeated[0])} columns"
        raise refuse(path, what, allowed="a name may stand once, whatever its case", column=repeated[0])
    return dict(zip(columns or given, names, strict=True))


READERS: Final[Mapping[str, Callable[[Path], Given]]] = {".parquet": _read_parquet, ".csv": _read_csv}
