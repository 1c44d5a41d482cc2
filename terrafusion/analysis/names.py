"""What the names of buyers and sellers tell: which of them are one name, and which name nobody."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

PARTIES: Final = ("buyer", "seller")

NOBODY: Final = (
    "",
    "NA",
    "N A",
    "NAN",
    "NULL",
    "NONE",
    "NIL",
    "NO NAME",
    "BLANK",
    "VOID",
    "TBA",
    "TBD",
    "T B A",
    "T B D",
    "TO BE DETERMINED",
    "UNK",
    "UNKNOWN",
    "UNKNOWN BUYER",
    "UNKNOWN GRANTEE",
    "UNKNOWN GRANTOR",
    "UNKNOWN NAME",
    "UNKNOWN OWNER",
    "UNKNOWN SELLER",
    "NAME UNKNOWN",
    "OWNER UNKNOWN",
    "MISSING",
    "MISSING NAME",
    "MISSING BUYER NAME",
    "MISSING SELLER NAME",
    "UNAVAILABLE",
    "NAME UNAVAILABLE",
    "OWNER NAME UNAVAILABLE",
    "NOT AVAILABLE",
    "NAME NOT AVAILABLE",
    "NOT APPLICABLE",
    "NOT DISCLOSED",
    "NOT GIVEN",
    "NOT KNOWN",
    "NOT LISTED",
    "NOT ON FILE",
    "NOT PROVIDED",
    "NOT RECORDED",
    "NOT SPECIFIED",
    "NOT STATED",
    "UNDISCLOSED",
    "UNLISTED",
    "UNNAMED",
    "UNSPECIFIED",
    "REDACTED",
    "NAME REDACTED",
    "WITHHELD",
    "NAME WITHHELD",
    "CONFIDENTIAL",
    "CONFIDENTIAL OWNER",
    "CONFIDENTIAL RECORD",
    "PROTECTED",
    "PRIVATE",
    "PRIVATE INDIVIDUAL",
    "PRIVATE OWNER",
    "PRIVATE PARTY",
    "INDIVIDUAL",
    "OWNER",
    "OWNER OF RECORD",
    "CURRENT OWNER",
    "PUBLIC RECORD",
    "BUYER",
    "SELLER",
    "GRANTEE",
    "GRANTOR",
    "SAME",
    "SEE DEED",
    "SEE DOCUMENT",
    "VARIOUS",
    "VARIOUS OWNERS",
    "MULTIPLE",
    "MULTIPLE OWNERS",
    "XX",
    "XXX",
    "XXXX",
)
"""What stands where a name is not known."""

_SMALL: Final = 0x20
"""The bit in which the bytes of a small letter and of its capital differ."""
_LETTERS: Final = 26


def plain(names: pl.DataFrame) -> pl.DataFrame:
    """Return names in capitals without accents, words and commas apart by one space."""
    name = pl.all().str
    bare = _changed(names, name.len_bytes() != name.len_chars(), _without_accents(pl.all()))
    return _changed(bare.select(name.to_uppercase()), name.contains(_ROUGH), _smooth(pl.all()))


_ROUGH: Final = "[^A-Z0-9 ]|  |^ | $"
"""What a name in capitals is not yet plain for."""


def _changed(names: pl.DataFrame, holds: pl.Expr, change: pl.Expr) -> pl.DataFrame:
    """Change the rows of which it holds for a name: others, mostly the most, are as they should be."""
    rows = names.select(pl.any_horizontal(holds).fill_null(value=False).arg_true()).to_series()
    changed = names[rows].select(change)
    return names.with_columns(names[column].scatter(rows, changed[column]) for column in names.columns)


def _without_accents(name: pl.Expr) -> pl.Expr:
    return name.str.normalize("NFD").str.replace_all(r"[\u0300-\u036F]", "")


def _smooth(name: pl.Expr) -> pl.Expr:
    joined = name.str.replace_many(["'", "\u2019", "&", ","], ["", "", " AND ", " , "])
    return joined.str.replace_all(r"[^\pL\pM\pN,]+", " ").str.strip_chars(" ,")


def apart(name: pl.Expr) -> pl.Expr:
    """Return a plain name without its commas."""
    return name.str.replace_all(" ,", "", literal=True)


def shared(sales: pl.DataFrame) -> pl.DataFrame:
    """Return the ``row`` of each sale whose buyer and seller have one ``name`` but for case, accents, spaces and punctuation."""
    row = _begin_alike(sales)
    found = sales.select(PARTIES)[row].with_columns(row=row).drop_nulls()
    names = plain(found.select(PARTIES)).select(apart(pl.col(name)) for name in PARTIES)
    return names.select(name="buyer", row=found["row"]).filter(names["buyer"] == names["seller"])


def _begin_alike(sales: pl.DataFrame) -> pl.Series:
    """Return the rows whose names may be one: they are not where both begin with a letter from A to Z, and not with the same."""
    begin = pl.col(PARTIES).cast(pl.Binary).bin.get(0, null_on_oob=True).fill_null(0) | _SMALL
    buyer, seller = (first.to_numpy() - ord("a") for first in sales.select(begin))
    return pl.Series(np.flatnonzero((buyer == seller) | (np.maximum(buyer, seller) >= _LETTERS)))
