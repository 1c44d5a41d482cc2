"""Why a request selects no sale, where one filter alone is the cause."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.validation_messages import nearest

FILTERS: Final[Mapping[str, str]] = {
    "zip_codes": "zip_code",
    "neighborhoods": "neighborhood",
    "property_types": "property_type",
}
"""The parameters that name values, and the column of each."""
_NAMED: Final = 12


def asked_for(parameters: SharedParameters) -> pl.Expr:
    """Say which sales, parcels or listings are of the ZIPs, neighborhoods and property types asked for, whatever their date."""
    wanted = {column: getattr(parameters, field) for field, column in FILTERS.items()}
    named = [
        pl.col(column).is_in(list(values)).fill_null(value=False)
        for column, values in wanted.items()
        if values is not None
    ]
    return pl.all_horizontal(pl.lit(value=True), *named)


def unmatched(sales: pl.DataFrame, parameters: SharedParameters) -> Iterator[Caution]:
    """Tell each filter that no sale of ``sales`` passes, and what there is instead."""
    for field, column in FILTERS.items():
        wanted = getattr(parameters, field)
        if wanted is not None and not sales[column].is_in(list(wanted)).any():
            yield Caution("filter_matches_nothing", _values(sales[column], wanted))
    days = sales["sale_date"].drop_nulls().sort()
    first, last = parameters.start_date or date.min, parameters.end_date or date.max
    if len(days) and not days.is_between(first, last).any():
        asked = " ".join(
            f"{word} {day}" for word, day in (("from", parameters.start_date), ("to", parameters.end_date)) if day
        )
        yield Caution(
            "filter_matches_nothing", f"No sale is of a day {asked}; there are sales from {days[0]} to {days[-1]}"
        )


def _values(recorded: pl.Series, wanted: Collection[str]) -> str:
    """Name what was asked for, and what there is, the most frequent first."""
    given = _listed([repr(value) for value in wanted])
    counts = recorded.drop_nulls().value_counts(sort=True).sort("count", recorded.name, descending=[True, False])
    known = counts[recorded.name].to_list()
    if not known:
        return f"No sale has {recorded.name} {given}: nothing is recorded of it"
    return f"No sale has {recorded.name} {given}; there are {_listed(known)}{_meant(recorded.name, min(wanted), known)}"


def _meant(column: str, wanted: str, known: Collection[str]) -> str:
    """Ask whether a recorded value was meant; a ZIP code is always like its neighbours', so none is guessed."""
    return "" if column == "zip_code" else nearest(wanted, known)


def _listed(words: Collection[str]) -> str:
    named = ", ".join(list(words)[:_NAMED])
    return f"{named} and {len(words) - _NAMED:,} more" if len(words) > _NAMED else named
