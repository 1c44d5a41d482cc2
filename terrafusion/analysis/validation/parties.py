"""What the names of deeds, buyers and sellers tell: whole words and phrases of `words`, case and punctuation aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from terrafusion.analysis.names import NOBODY, PARTIES, apart, plain
from terrafusion.analysis.validation import words

_AT_ONCE: Final = 1 << 17
"""Names that are cut into words at a time."""


def pattern(phrases: Sequence[str]) -> str:
    """Return a pattern that finds any of the phrases as whole words."""
    return rf"(?:^|\s)(?:{'|'.join(map(re.escape, phrases))})(?:\s|$)"


_INSTITUTIONS: Final = {
    "court_party": pattern(words.COURT),
    "government_party": pattern(words.AGENCIES),
    "financial_party": pattern(words.FINANCIAL),
    "charitable_party": rf"{pattern(words.CHARITABLE)}|^(?:{'|'.join(words.SAINTS)})\s.*\sCHURCH(?:\s|$)",
    "estate_party": pattern(words.ESTATE),
}
_PLACES: Final = rf"{pattern(words.PLACES)}|\s(?:{'|'.join(words.GOVERNED)})$"
"""A government by the place that it governs, where the name is no company's."""
_NO_PLACE: Final = (
    rf"\s(?:{'|'.join(words.FORMS)})$|{pattern([f'{shop} {end}' for shop in words.SHOPS for end in words.GOVERNED])}"
)
_INSTITUTED: Final = "|".join((*_INSTITUTIONS.values(), _PLACES))
_COMPANIES: Final = pattern((*words.COMPANY, *words.TRUSTS))
_WORDED: Final = f"{_INSTITUTED}|{_COMPANIES}|{pattern(words.PARTICLES)}"


class Parties(NamedTuple):
    """Buyers and sellers by their plain names."""

    names: pl.DataFrame
    row: pl.Series
    """Which of them have a word of the lists in a name: few, so that the rest is worth asking only of them."""
    worded: pl.DataFrame
    """The names of these."""

    def spread(self, says: pl.Expr) -> pl.Series:
        """Say of all sales what can hold only where there is such a word."""
        return _spread(self.names, self.row, _said(self.worded, says))


def parties_of(sales: pl.DataFrame) -> Parties:
    """Read the names. To look for all words at once takes as long as to look for one."""
    names = plain(sales.select(PARTIES))
    row = _rows(names, _either(_WORDED))
    return Parties(names, row, names[row])


def institutions(parties: Parties) -> dict[str, pl.Series]:
    """Say of each sale, for each kind of institution, whether a party is one."""
    borne = parties.worded.with_columns(pl.when(~_bears(pl.col(name))).then(name) for name in PARTIES)
    some = parties._replace(worded=borne)
    found = {code: some.spread(_either(found)) for code, found in _INSTITUTIONS.items()}
    return found | {"government_party": found["government_party"] | some.spread(_either(_PLACES, unless=_NO_PLACE))}


def non_person(parties: Parties) -> pl.Series:
    """Say of each sale whether a party is a company or a trust."""
    return parties.spread(_either(_COMPANIES))


def family(parties: Parties) -> tuple[pl.Series, pl.Series]:
    """Say of each sale whether two persons, or a person and a person's trust, share a last name, and whether they may.

    They do where a comma tells it of both, as in `SMITH, JOHN`. Else it may come first or last: two names may share it
    where their first, or their last, words are equal, longer than a letter and no common given name, or where all words of
    the one, at least two, are among those of the other. Only the first of several owners counts; neither two trusts nor
    names that are wholly equal match.
    """
    sales, joined = parties.names, parties.spread(pl.any_horizontal(pl.col(PARTIES).str.contains(_PARTICLE)))
    row = _sharing(sales.with_columns(joined.alias("joined")))
    some = sales[row].with_columns(pl.col(PARTIES).str.replace_all(_PARTICLE, "$1"))
    told, may = _match()
    asked = some.select(_may_be_family().fill_null(value=False)).to_series()
    people = some.select(*(_person(name) for name in PARTIES))
    shared, alike = (_said(people, says) & asked for says in (told, may))
    return _spread(sales, row, shared), _spread(sales, row, alike & ~shared)


def market_deeds(names: pl.Series) -> dict[str, bool]:
    """Say of each name of a deed type whether it is one that sells on the market, so far as the name tells."""
    distinct = names.drop_nulls().unique().sort()
    told = plain(distinct.to_frame("name")).select(apart(pl.col("name")).str.contains(pattern(words.DEEDS)))
    return {name: not refused for name, refused in zip(distinct, told.to_series(), strict=True)}


def _rows(sales: pl.DataFrame, holds: pl.Expr) -> pl.Series:
    """Return the numbers of the rows for which something holds."""
    return sales.select(holds.fill_null(value=False).arg_true()).to_series()


def _spread(sales: pl.DataFrame, row: pl.Series, said: pl.Series) -> pl.Series:
    """Return what was said of some rows for all, false elsewhere."""
    return pl.zeros(sales.height, pl.Boolean, eager=True).scatter(row, said)


def _said(sales: pl.DataFrame, says: pl.Expr) -> pl.Series:
    return sales.select(says.fill_null(value=False)).to_series()


def _either(found: str, *, unless: str | None = None) -> pl.Expr:
    names = [pl.col(name).str for name in PARTIES]
    said = [name.contains(found) & (~name.contains(unless) if unless else True) for name in names]
    return pl.any_horizontal(one.fill_null(value=False) for one in said)


_NO_PERSON: Final = f"{_INSTITUTED}|{pattern(words.COMPANY)}"
_FIRST: Final = rf"(?:{'|'.join(sorted(words.GIVEN))})(?: [A-Z])?"
_FIRSTS: Final = f"{_FIRST}(?: AND {_FIRST})?"
_BORNE: Final = f"(?:{'|'.join(words.BORNE)})"
_BEARER: Final = f"^(?:{_FIRSTS} {_BORNE}|{_BORNE}(?: ,)? {_FIRSTS})(?: (?:{'|'.join(words.SUFFIXES)}))?$"
"""A name that is nothing but a common given name, or two, and what could be an institution: DOUG BANK is a person."""
_OTHERS: Final = r"^(\S+\s\S+.*?)\s(?:AND|AKA|FKA|NKA)\s.*$"
"""Who else stands after a first full name: in `JOHN AND MARY SMITH` nobody."""
_PARTICLE: Final = rf"\b({'|'.join(words.PARTICLES)}) "
"""What belongs to the word after it."""
_BESIDE: Final = rf"(?:^|\s)(?:{'|'.join((*words.TRUST, *words.SUFFIXES))}|\d+)\b"
"""What is left out around a last name."""


def _common() -> pl.Expr:
    """Return the words that stand in both names; a comma is one."""
    buyer, seller = (pl.col(name).str.split(" ") for name in PARTIES)
    return buyer.list.set_intersection(seller)


def _sharing(names: pl.DataFrame) -> pl.Series:
    """Return the rows of names that may share a word: a block at a time, for lists of words are larger than the names."""
    blocks = ((begin, names.slice(begin, _AT_ONCE)) for begin in range(0, max(names.height, 1), _AT_ONCE))
    told = (
        _rows(part.select(_common().alias("common"), "joined"), _may_share_a_word()) + begin for begin, part in blocks
    )
    return pl.concat(told)


def _may_share_a_word() -> pl.Expr:
    """Say where the same word stands in both names, or could once particles are joined to what follows them."""
    return pl.col("joined") | (pl.col("common").list.len() > pl.col("common").list.contains(","))


def _bears(name: pl.Expr) -> pl.Expr:
    """Say whether a name is a person's whose last name could be an institution."""
    return name.str.contains(_BEARER) & ~name.is_in(words.BANKS)


def _person(name: str) -> pl.Expr:
    """Return the first person whom a name names, without what is no name; null where it is no person's."""
    is_person = ~pl.col(name).str.contains(_NO_PERSON) | _bears(pl.col(name))
    return pl.when(is_person).then(pl.col(name))


def _may_be_family() -> pl.Expr:
    trusts = pl.all_horizontal(pl.col(PARTIES).str.contains(pattern(words.TRUSTS)))
    nobody = pl.any_horizontal(pl.col(PARTIES).is_in(list(NOBODY)))
    return ~trusts & ~nobody & (apart(pl.col("buyer")) != apart(pl.col("seller")))


def _match() -> tuple[pl.Expr, pl.Expr]:
    """Say whether commas tell the same last name of both, and whether either end's word, or all words of one, are the same."""
    bare = {name: _bare(pl.col(name)) for name in PARTIES}
    told, *pairs = (one.eq(other).fill_null(value=False) for one, other in zip(*map(_ends, bare.values()), strict=True))
    buyer, seller = (apart(name).str.split(" ").list.set_difference([""]) for name in bare.values())
    fewer = pl.min_horizontal(buyer.list.len(), seller.list.len())
    within = (fewer > 1) & (buyer.list.set_intersection(seller).list.len() == fewer)
    return told, pl.any_horizontal(*pairs, within.fill_null(value=False))


def _bare(name: pl.Expr) -> pl.Expr:
    """Return the name of the first owner, without what is left out around a last name."""
    return name.str.replace(_OTHERS, "$1").str.replace_all(_BESIDE, " ").str.strip_chars(" ,")


def _ends(bare: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return the last name that a comma tells, and what may be it at either end of the name, the same where one does."""
    told = bare.str.extract(r"^([^,]+),", 1).str.strip_chars()
    first, last = bare.str.extract(r"^(\S+)", 1), bare.str.extract(r"(\S+)$", 1)
    return told, pl.coalesce(told, _last_name(first)), pl.coalesce(told, _last_name(last))


def _last_name(word: pl.Expr) -> pl.Expr:
    return pl.when((word.str.len_chars() > 1) & ~word.is_in(list(words.GIVEN))).then(word)
