"""What the names of buyers and sellers tell: one definition of «the same party» for all analyses."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution

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

_SHARE: Final = 0.01
_LEAST: Final = 10
"""A name that is buyer and seller at once in more than this share of the sales, and in so many, names nobody."""

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


def same_party(sales: pl.DataFrame) -> tuple[pl.Series, list[Caution]]:
    """Say of each sale whether buyer and seller have one name but for case, accents, spaces and punctuation.

    What stands where a name is not known is none, nor is what names both in too many sales: of that a caution tells.
    """
    row = _begin_alike(sales)
    found = sales.select(PARTIES)[row].with_columns(row=row).drop_nulls()
    row, names = found["row"], plain(found.select(PARTIES)).select(apart(pl.col(name)) for name in PARTIES)
    same = names.select(name="buyer", row=row).filter(names["buyer"] == names["seller"])
    counted = same["name"].value_counts().filter((pl.col("count") >= _LEAST) & (pl.col("count") > _SHARE * len(sales)))
    named = same.filter(~pl.col("name").is_in([*NOBODY, *counted["name"]]))
    return pl.zeros(len(sales), pl.Boolean, eager=True).scatter(named["row"], values=True), _cautions(counted)


def _begin_alike(sales: pl.DataFrame) -> pl.Series:
    """Return the rows whose names may be one: they are not where both begin with a letter from A to Z, and not with the same."""
    begin = pl.col(PARTIES).cast(pl.Binary).bin.get(0, null_on_oob=True).fill_null(0) | _SMALL
    buyer, seller = (first.to_numpy() - ord("a") for first in sales.select(begin))
    return pl.Series(np.flatnonzero((buyer == seller) | (np.maximum(buyer, seller) >= _LETTERS)))


def _cautions(counted: pl.DataFrame) -> list[Caution]:
    if counted.is_empty():
        return []
    named = ", ".join(counted["name"].sort().head(3))
    message = f"In {counted['count'].sum():,} sales buyer and seller are both called {named}: too many for a name"
    return [Caution("names_of_nobody", f"{message}, so none was taken for a sale to oneself for it")]
