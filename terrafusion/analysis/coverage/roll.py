"""The parcels of the roll, which of them sold, and whether those are like the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.shares import chi_square, share_of, shares
from terrafusion.analysis.coverage.two_samples import TwoSamples, rows
from terrafusion.analysis.frames import PROPERTIES_ORDER, PROPERTIES_SCHEMA, sorted_by
from terrafusion.analysis.groups import MARKET_AREA, area_of, label_of
from terrafusion.analysis.profile import CountyProfile

POSITIVE: Final = (
    "building_size_sqft",
    "lot_size_sqft",
    "assessed_value",
    "market_value",
    "land_value",
    "improvement_value",
)
"""Sizes and values: 0 says that there is none, and differences are told in logs."""

NUMERIC: Final = (*POSITIVE, "year_built", "bedrooms", "bathrooms", "stories", "condition", "grade")
CATEGORIES: Final = ("property_class", "property_type", "zip_code", "neighborhood")
BANDED: Final = ("building_size_sqft", "lot_size_sqft", "year_built", "assessed_value", "market_value")

_WANTED: Final = {"zip_codes": "zip_code", "neighborhoods": "neighborhood", "property_types": "property_type"}


@dataclass(frozen=True, slots=True)
class Roll:
    """The parcels asked for, each with ``is_sold``, and how the sales meet them."""

    parcels: pl.DataFrame
    sales: int
    """Selected sales."""
    sold: int
    """Parcels with a selected sale."""
    unknown: int
    """Of those, how many the whole roll does not hold."""
    elsewhere: int
    """Of those, how many the roll holds and the request does not ask for."""
    unnumbered: int
    """Selected sales without parcel number."""

    @property
    def sold_on_roll(self) -> int:
        """How many of the parcels asked for have a selected sale."""
        return int(self.parcels["is_sold"].sum())


def roll_of(records: Records, used: pl.DataFrame, parameters: CoverageParameters) -> Roll | None:
    """Read the parcels that the request asks for; None where no properties are loaded."""
    if records.properties is None:
        return None
    asked = pl.lit(value=True)
    for field, column in _WANTED.items():
        values = getattr(parameters, field)
        if values is not None:
            asked &= pl.col(column).is_in(list(values)).fill_null(value=False)
    sold = used["parcel_number"].drop_nulls().unique()
    is_sold = pl.col("parcel_number").is_in(sold.implode()).alias("is_sold")
    known = int(records.properties.select(is_sold.sum()).collect().item())
    wanted = sorted({"parcel_number", *NUMERIC, *CATEGORIES})
    asked_for = sorted_by(records.properties.filter(asked).select(wanted).collect(), PROPERTIES_ORDER)
    parcels = asked_for.with_columns(is_sold)
    unnumbered = used["parcel_number"].null_count()
    there = int(parcels["is_sold"].sum())
    return Roll(parcels, used.height, len(sold), len(sold) - known, known - there, unnumbered)


def unsold_groups(
    roll: Roll | None, used: pl.DataFrame, group_by: Sequence[str], profile: CountyProfile
) -> pl.DataFrame:
    """Return each ``group`` of which the roll has ``parcels`` and no selected sale; none where the roll cannot tell groups.

    A group that the sales do not name, of whose parcels some sold all the same, is none: its sales are told elsewhere.
    """
    if roll is None or not {*group_by} <= {*CATEGORIES, MARKET_AREA}:
        return pl.DataFrame(schema={"group": pl.String(), "parcels": pl.Int64()})
    placed = roll.parcels.with_columns(area_of(profile))
    labelled = placed.select(label_of(group_by).alias("group"), "is_sold").drop_nulls("group")
    unsold = _counted(labelled, pl.col("group"), by=["group"]).filter(pl.col("sold") == 0)
    return unsold.filter(~pl.col("group").is_in(used["group"].unique().implode())).select("group", "parcels")


def counts(roll: Roll, confidence_level: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of `roll`: how many sold, and which sales the roll does not know."""
    share = share_of(roll.sold_on_roll, roll.parcels.height, confidence_level)
    told = dict(zip(("value", "ci_low", "ci_high"), share, strict=True))
    yield {"name": "parcels_sold", "measure": "share", "n": roll.sold_on_roll, "of": roll.parcels.height, **told}
    for name, count in (("sold_not_on_roll", roll.unknown), ("sold_not_asked_for", roll.elsewhere)):
        yield {"name": name, "measure": "count", "n": count, "of": roll.sold, "value": count / max(roll.sold, 1)}
    missing = {"n": roll.unnumbered, "of": roll.sales, "value": roll.unnumbered / max(roll.sales, 1)}
    yield {"name": "sales_without_parcel", "measure": "count", **missing}


def representativeness(roll: Roll, parameters: CoverageParameters) -> Iterator[dict[str, Any]]:
    """Yield the rows that compare sold with unsold parcels, characteristic by characteristic."""
    for name in NUMERIC:
        known = _known(roll.parcels, name)
        values, is_sold = known[name].to_numpy().astype(np.float64), known["is_sold"].to_numpy()
        both = TwoSamples(np.sort(values[is_sold]), np.sort(values[~is_sold]))
        count = {"name": name, "n": len(both.sold), "of": len(values)}
        if not len(values):
            continue
        if min(len(both.sold), len(both.unsold)) < max(parameters.min_sales, 2):
            yield {**count, "measure": "suppressed", "note": _few(both, parameters.min_sales)}
            continue
        told = rows(
            both,
            logs=name in POSITIVE,
            confidence_level=parameters.confidence_level,
            meaningful=parameters.meaningful_difference,
        )
        yield from ({**count, **row} for row in told)
    for name, cells in _cells(roll.parcels, parameters.bands):
        yield chi_square(name, cells)


def sold_shares(roll: Roll, parameters: CoverageParameters) -> Iterator[dict[str, Any]]:
    """Yield the rows of the share sold in each class, area and band."""
    for name, cells in _cells(roll.parcels, parameters.bands):
        yield from shares(name, cells, parameters.confidence_level)


def _few(both: TwoSamples, least: int) -> str:
    return f"{len(both.sold)} sold and {len(both.unsold)} unsold parcels have it; {max(least, 2)} of each are needed"


def _known(parcels: pl.DataFrame, name: str) -> pl.DataFrame:
    value = pl.col(name).cast(pl.Float64)
    told = value.is_finite() & (value > 0) if name in POSITIVE else value.is_finite()
    return parcels.select(value, "is_sold").filter(told.fill_null(value=False))


def _cells(parcels: pl.DataFrame, bands: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each category, and each banded figure, with the parcels and the sold ones of its cells."""
    for name in CATEGORIES:
        known = parcels.select(name, "is_sold").drop_nulls()
        if known.height:
            yield name, _counted(known, pl.col(name), by=["group"])
    for name in BANDED:
        known = _known(parcels, name)
        if known.height:
            cuts = _cuts(known[name].to_numpy(), bands)
            place = pl.Series(np.searchsorted(cuts[1:-1], known[name].to_numpy()))
            labels = _labels(name, cuts)
            placed = known.with_columns(place.alias("place"))
            counted = _counted(placed, pl.col("place"), by=["group"])
            yield name, counted.with_columns(pl.Series([labels[code] for code in counted["group"]]).alias("group"))


def _counted(parcels: pl.DataFrame, group: pl.Expr, *, by: Sequence[str]) -> pl.DataFrame:
    counted = parcels.group_by(group.alias("group")).agg(
        pl.col("is_sold").sum().cast(pl.Int64).alias("sold"), pl.len().cast(pl.Int64).alias("parcels")
    )
    return counted.sort(by)


def _cuts(values: np.ndarray[Any, np.dtype[np.float64]], bands: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the quantiles (type 7) that part the roll; of equal ones there is one."""
    found = np.unique(np.quantile(values, np.linspace(0, 1, bands + 1)))
    return found if len(found) > 1 else np.append(found, found)


def _labels(name: str, cuts: np.ndarray[Any, np.dtype[np.float64]]) -> list[str]:
    form = "{:.0f} to {:.0f}" if PROPERTIES_SCHEMA[name] == pl.Int32() else "{:,.0f} to {:,.0f}"
    first, *others = (form.format(*pair) for pair in pairwise(cuts))
    return [first, *(f"above {label}" for label in others)]
