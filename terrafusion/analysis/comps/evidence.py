"""The records of a request: the parcels asked for, and the sales that may speak for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.comps.homes import COLUMNS
from terrafusion.analysis.comps.model import ordered
from terrafusion.analysis.facts import SHARED_NAME
from terrafusion.analysis.groups import ALL
from terrafusion.analysis.indexes import CHARACTERISTICS
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.reading import collected
from terrafusion.analysis.selection import Selection, needed_columns, select
from terrafusion.analysis.unrecorded import types_without
from terrafusion.errors import InvalidParameters

ENOUGH: Final = 1_000
"""Sales that the price model is to rest on: where the window has fewer, older ones join."""

_NAMED: Final = 10
_ROW: Final = "row"


def read(records: Records, parameters: SharedParameters) -> pl.DataFrame:
    """Read the sales with all that is known of the homes; raises InvalidParameters where nothing is."""
    sales = collected(records, parameters, {*COLUMNS, "sale_id"})
    if sales.height:
        _refuse_absent(records, sales)
    return sales.with_columns(pl.lit(ALL).alias("group"))


def _refuse_absent(records: Records, sales: pl.DataFrame) -> None:
    """Raise InvalidParameters where no sale has a parcel number, or none a characteristic."""
    others = f"types that do without are {types_without('parcel_number')}"
    absent = {name for name in COLUMNS if sales[name].null_count() == sales.height}
    lacking = "parcel_number" if "parcel_number" in absent else CHARACTERISTICS[0]
    if "parcel_number" in absent or absent >= set(CHARACTERISTICS):
        what = lacking if lacking == "parcel_number" else f"a characteristic of homes ({', '.join(CHARACTERISTICS)})"
        msg = f"This needs {what}, of which {records.county_id} records nothing; {others}"
        raise InvalidParameters(msg, field=lacking, allowed=f"sales that tell it; {others}")


def subjects_of(records: Records, sales: pl.DataFrame, parcels: tuple[str, ...]) -> pl.DataFrame:
    """Return `COLUMNS` of the parcels in their order: of the roll where it is loaded, else of the parcel's latest sale.

    What the roll leaves open is taken from the sale. Raises InvalidParameters that names parcels of neither.
    """
    wanted = pl.DataFrame({"parcel_number": parcels}, schema={"parcel_number": pl.String})
    asked_for = pl.col("parcel_number").is_in(parcels)
    sold = sales.filter(asked_for)
    latest = ordered(sold).unique("parcel_number", keep="last", maintain_order=True).select(COLUMNS)
    found = wanted.join(latest, on="parcel_number", how="left", maintain_order="left")
    known = set(latest["parcel_number"])
    if records.properties is not None:
        roll = records.properties.select(COLUMNS).filter(asked_for).collect()
        known |= set(roll["parcel_number"])
        both = found.join(roll, on="parcel_number", how="left", maintain_order="left", suffix="_roll")
        others = [name for name in COLUMNS if name != "parcel_number"]
        found = both.select("parcel_number", *(pl.coalesce(f"{name}_roll", name).alias(name) for name in others))
    _refuse_unknown(records, [parcel for parcel in parcels if parcel not in known])
    return found


def _refuse_unknown(records: Records, unknown: list[str]) -> None:
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        named = ", ".join(unknown[:_NAMED]) + more
        where = "roll and sales" if records.properties is not None else "sales"
        msg = f"subject_parcel_ids names {named}, which {records.county_id} does not hold; allowed are parcels of its {where}"
        raise InvalidParameters(msg, field="subject_parcel_ids", value=named, allowed=f"parcels of its {where}")


def selected(
    sales: pl.DataFrame, parameters: SharedParameters, profile: CountyProfile, *, months: int
) -> tuple[Selection, date | None]:
    """Select the sales from so many months before the valuation date up to it, and tell that date.

    Chosen by the few columns that choosing takes: the others, of most sales, are never copied.
    """
    few = sorted({*needed_columns(parameters), "sale_id", "parcel_number", "group"})
    selection = select(sales.select(few).with_row_index(_ROW), parameters, profile, groups=("parcel_number",))
    day = _valuation_date(selection, parameters)
    if day is not None:
        selection = _windowed(sales, selection, day, months)
    return replace(selection, used=sales.drop(SHARED_NAME, strict=False)[selection.used[_ROW]]), day


def _valuation_date(selection: Selection, parameters: SharedParameters) -> date | None:
    """Return the day that values refer to: the one asked for, else end_date, else that of the last sale used."""
    last = selection.used["sale_date"].max()
    found = parameters.valuation_date or parameters.end_date or last
    return found if isinstance(found, date) else None


def _windowed(sales: pl.DataFrame, selection: Selection, day: date, months: int) -> Selection:
    """Leave out sales after the valuation date, and those too old; the latest `ENOUGH` are kept whatever their age."""
    used, excluded = selection.used, dict(selection.excluded)
    kept = used.filter(pl.col("sale_date") <= day)
    excluded |= {"after_valuation_date": used.height - kept.height} if kept.height < used.height else {}
    recent = kept.filter(pl.col("sale_date") >= oldest(day, months))
    if recent.height < ENOUGH:
        recent = ordered(sales[kept[_ROW]].with_columns(kept[_ROW])).tail(ENOUGH)
    excluded |= {"before_window": kept.height - recent.height} if recent.height < kept.height else {}
    return replace(selection, used=recent, excluded=excluded)


def oldest(day: date, months: int) -> date:
    """Return the day so many months before; the last of the month where it has no such day."""
    found: date = pl.Series([day]).dt.offset_by(f"-{months}mo")[0]
    return found
