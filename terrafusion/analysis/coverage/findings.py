"""What a reader of the report is told first, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.coverage.fields import ABSENT, PARTLY
from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.roll import Roll
from terrafusion.analysis.coverage.two_samples import ALIKE, DIFFERS, UNCLEAR
from terrafusion.analysis.findings import counted
from terrafusion.analysis.market import Market

_NAMED: Final = 5


def _of(rows: pl.DataFrame, section: str, measure: str | None = None) -> pl.DataFrame:
    found = rows.filter(pl.col("section") == section)
    return found if measure is None else found.filter(pl.col("measure") == measure)


def numbers(rows: pl.DataFrame, roll: Roll | None) -> dict[str, Any]:
    """Return the headline numbers; null where there is no roll to compare with."""
    thin = _thin(rows)
    told = {
        "cells": thin["of"],
        "thin_cells": thin["n"],
        "thin_cell_share": thin["value"],
        "fields_absent": _named(_of(rows, "fields", "sales").filter(pl.col("verdict") == ABSENT)),
        "fields_partly_recorded": _named(_of(rows, "fields", "sales").filter(pl.col("verdict") == PARTLY)),
        "longest_gap_days": _of(rows, "gaps")["n"].max(),
    }
    standardized = _of(rows, "representativeness", "standardized_difference")
    judged = {said: _named(standardized.filter(pl.col("verdict") == said)) for said in (DIFFERS, ALIKE, UNCLEAR)}
    share = _of(rows, "roll", "share").row(0, named=True) if roll is not None else {}
    return told | {
        "parcels_on_roll": share.get("of"),
        "parcels_sold": share.get("n"),
        "share_sold": share.get("value"),
        "share_sold_ci_low": share.get("ci_low"),
        "share_sold_ci_high": share.get("ci_high"),
        "sold_parcels_not_on_roll": roll and roll.unknown,
        "characteristics_that_differ": judged[DIFFERS] if roll else None,
        "characteristics_alike": judged[ALIKE] if roll else None,
        "characteristics_unclear": judged[UNCLEAR] if roll else None,
        "sold_against_unsold": list(_characteristics(rows)),
        "checks_failed": [
            {name: row[name] for name in ("name", "measure", "n", "of", "note")} for row in _failed(rows)
        ],
    }


def _characteristics(rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what is told of each characteristic in a line: both medians, the standardized difference, the verdict."""
    medians = _of(rows, "representativeness", "median")
    differences = _of(rows, "representativeness", "standardized_difference")
    for median, told in zip(medians.to_dicts(), differences.to_dicts(), strict=True):
        yield {
            "characteristic": median["name"],
            "sold": median["sold"],
            "unsold": median["unsold"],
            "difference": told["value"],
            "difference_ci_low": told["ci_low"],
            "difference_ci_high": told["ci_high"],
            "verdict": told["verdict"],
        }


def _named(rows: pl.DataFrame) -> list[str]:
    return rows["name"].to_list()


def _failed(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return _of(rows, "checks").filter(pl.col("n") > 0).to_dicts()


def _thin(rows: pl.DataFrame) -> dict[str, Any]:
    """Return the first row of the thin cells, which is that of all of them."""
    found = _of(rows, "thin_cells")
    return found.row(0, named=True) if found.height else {"n": 0, "of": 0, "value": None}


def key_finding(county_id: str, sales: int, market: Market, rows: pl.DataFrame, parameters: CoverageParameters) -> str:
    """Put the numbers into one sentence; ``sales`` are those selected, of which the market holds what periods can."""
    found = counted(sales, "sale")
    thin = _thin(rows)
    said = f"In {county_id} the request selects {found}"
    if thin["of"]:
        whole = market.level == "county"
        cells = counted(thin["of"], market.period if whole else "cell")
        kind = "" if whole else f" of {market.level} and {market.period}"
        share = f"({100 * thin['value']:.1f}%) {'has' if thin['n'] == 1 else 'have'}"
        said += f"; {thin['n']:,} of {cells}{kind} {share} fewer than {parameters.fallback_min_sales}"
    return f"{said}; {_represented(rows, parameters)}."


def _represented(rows: pl.DataFrame, parameters: CoverageParameters) -> str:
    share = _of(rows, "roll", "share")
    if share.is_empty():
        return "no properties are loaded, so whether sold parcels represent the roll cannot be told"
    row = share.row(0, named=True)
    if not row["of"]:
        return "the roll holds no parcel that it asks for"
    level = f"{parameters.confidence_level * 100:g}%"
    between = f"{level} interval {100 * row['ci_low']:.1f}% to {100 * row['ci_high']:.1f}%"
    sold = f"{row['n']:,} of {row['of']:,} parcels on the roll ({100 * row['value']:.1f}%, {between}) sold"
    return f"{sold}, {_alike(rows, row['n'], row['of'] - row['n'], parameters)}"


def _alike(rows: pl.DataFrame, sold: int, unsold: int, parameters: CoverageParameters) -> str:
    judged = _of(rows, "representativeness", "standardized_difference").filter(pl.col("verdict").is_not_null())
    if judged.is_empty():
        return _not_compared(rows, sold, unsold, max(parameters.min_sales, 2))
    differ = judged.filter(pl.col("verdict") == DIFFERS)
    unclear = judged.filter(pl.col("verdict") == UNCLEAR).height
    beyond = f"{parameters.meaningful_difference:g} standard deviations"
    said = f"and differ from unsold ones by more than {beyond} in {differ.height} of {judged.height} characteristics"
    named = [f"{row['name']} {row['value']:+.2f}" for row in differ.head(_NAMED).iter_rows(named=True)]
    listed = f" ({', '.join(named)}{', ...' if differ.height > _NAMED else ''})" if named else ""
    return f"{said}{listed}{f', {unclear} unclear' if unclear else ''}"


def _not_compared(rows: pl.DataFrame, sold: int, unsold: int, least: int) -> str:
    """Say why no characteristic has a verdict."""
    if sold < least:
        return f"too few to compare with the unsold ones: {least} are needed"
    if unsold < least:
        return f"and the {unsold:,} unsold ones are too few to compare with: {least} are needed"
    measures = _of(rows, "representativeness")["measure"]
    if "standardized_difference" in measures:
        return "and no characteristic that enough of them have varies"
    if "suppressed" in measures:
        return f"but no characteristic is recorded of {least} sold and {least} unsold ones"
    return "but the roll records no characteristic to compare them by"


def cross_check(rows: pl.DataFrame) -> dict[str, Any] | None:
    """Say in how many characteristics ranks point where the standardized difference does; None where nothing is compared.

    Only those count in which both intervals leave out no difference.
    """
    keys = ["name", "value", "ci_low", "ci_high"]
    means = _of(rows, "representativeness", "standardized_difference").select(keys)
    ranks = _of(rows, "representativeness", "rank").select("name", *(pl.col(name) - 0.5 for name in keys[1:]))
    both = means.join(ranks, on="name", suffix="_rank")
    clear = both.filter(pl.col("ci_low") * pl.col("ci_high") > 0, pl.col("ci_low_rank") * pl.col("ci_high_rank") > 0)
    if both.is_empty():
        return None
    agree = int((clear["value"] * clear["value_rank"] > 0).sum())
    return {"method": "Mann-Whitney against the standardized difference", "clear": clear.height, "agree": agree}


def cautions(rows: pl.DataFrame, roll: Roll | None, unsold: pl.DataFrame) -> Iterator[Caution]:
    """Tell what the numbers alone do not; ``unsold`` are the groups of the roll without a sale."""
    thin = _thin(rows)
    if thin["n"]:
        of, have = counted(thin["of"], "cell"), "has" if thin["n"] == 1 else "have"
        yield Caution("thin_cells", f"{thin['n']:,} of {of} {have} {thin['measure'].replace('_', ' ')} sales")
    failed = _failed(rows)
    if failed:
        named = ", ".join(f"{row['name']} {row['n']:,} {row['measure']}" for row in failed)
        yield Caution("records_fail_checks", f"Records that cannot be as they stand, or stand twice: {named}")
    if roll is None:
        yield Caution("roll_absent", "No properties are loaded: nothing is said of how sold parcels represent the roll")
        return
    if roll.unknown:
        message = f"{roll.unknown:,} of {roll.sold:,} sold parcels are not on the roll"
        yield Caution("sold_not_on_roll", message)
    if unsold.height:
        listed = ", ".join(unsold["group"].head(_NAMED)) + (", ..." if unsold.height > _NAMED else "")
        parcels = counted(int(unsold["parcels"].sum()), "parcel")
        message = f"No selected sale in {counted(unsold.height, 'group')} of the roll, of {parcels}: {listed}"
        yield Caution("groups_without_sale", message)
    differ = _of(rows, "representativeness", "standardized_difference").filter(pl.col("verdict") == DIFFERS)
    if differ.height:
        yield Caution("sold_differ_from_unsold", f"Sold parcels are unlike unsold ones in {', '.join(_named(differ))}")
    apart = _of(rows, "sales_chasing").filter(pl.col("verdict").is_in(["higher", "lower"]))
    for row in apart.iter_rows(named=True):
        between = f"{row['value']:+.1f}% ({row['ci_low']:+.1f}% to {row['ci_high']:+.1f}%)"
        yield Caution("sold_values_differ", f"{row['measure']} of sold less unsold parcels: {between} {row['group']}")
