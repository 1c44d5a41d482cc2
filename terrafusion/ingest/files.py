"""Opening a county's file: Parquet or CSV, columns by name, whatever their order and spelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import NoDataError, PolarsError

from terrafusion.errors import InvalidRequest


class UnreadableFile(InvalidRequest):
    """A file that cannot be taken at all; nothing of it is."""


def refuse(path: Path, complaint: str, *, allowed: str, column: str | None = None) -> UnreadableFile:
    """Put into one sentence what is wrong with a file and what would be right."""
    return UnreadableFile(f"{path.name}: {complaint}; {allowed}", field=column, value=str(path), allowed=allowed)


def open_table(path: Path) -> pl.DataFrame:
    """Read a file whole; column names are trimmed and in lower case. A CSV's cells are all text.

    Raises UnreadableFile for a file that is not there, is cut short or is not what its name says, and for
    columns that share a name or have none.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise refuse(path, f"its name ends in {path.suffix!r}", allowed=f"it must end in {' or '.join(READERS)}")
    if not path.is_file():
        raise refuse(path, "there is no such file", allowed=f"name one that ends in {' or '.join(READERS)}")
    try:
        table = reader(path)
    except NoDataError as error:
        raise refuse(path, "it is empty", allowed="a line of column names and rows are needed") from error
    except OSError as error:
        raise refuse(path, f"it cannot be read ({error.strerror or error})", allowed="name a readable file") from error
    except PolarsError as error:
        raise _unreadable(path, error) from error
    if table.is_empty():
        raise refuse(path, "it has no rows", allowed="at least one row is needed")
    return table


def _unreadable(path: Path, error: PolarsError) -> UnreadableFile:
    reason = str(error).partition("\n")[0]
    if path.suffix.lower() == ".parquet":
        return refuse(path, f"it is no whole Parquet file ({reason})", allowed="write it again")
    if "utf-8" in reason:
        return refuse(path, "it is not in UTF-8", allowed="save it as CSV in UTF-8")
    return refuse(path, f"it is no regular CSV ({reason})", allowed="commas, quotes in pairs, as many cells as columns")


def _read_parquet(path: Path) -> pl.DataFrame:
    table = pl.read_parquet(path, glob=False)
    return table.rename(_names(path, table.columns))


def _read_csv(path: Path) -> pl.DataFrame:
    """Read the names as a row: a reader that takes them for names would quietly rename repeated ones."""
    lines = pl.read_csv(path, has_header=False, infer_schema=False, glob=False)
    header = dict(zip(lines.columns, lines.row(0), strict=True))
    table = lines.slice(1)
    named = [column for column, name in header.items() if name or table[column].null_count() < table.height]
    return table.select(named).rename(_names(path, [header[column] or "" for column in named], named))


def _names(path: Path, given: Sequence[str], columns: Sequence[str] | None = None) -> Mapping[str, str]:
    names = [name.strip().lower() for name in given]
    if "" in names:
        raise refuse(path, f"column {names.index('') + 1} has no name", allowed="name every column")
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        what = f"{repeated[0]} names {names.count(repeated[0])} columns"
        raise refuse(path, what, allowed="a name may stand once, whatever its case", column=repeated[0])
    return dict(zip(columns or given, names, strict=True))


READERS: Final[Mapping[str, Callable[[Path], pl.DataFrame]]] = {".parquet": _read_parquet, ".csv": _read_csv}
