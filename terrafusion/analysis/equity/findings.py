"""What a reader is told first: whether ratios fall or rise with value, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.equity.moran import LARGEST, LEAST
from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.equity.rows import Study
from terrafusion.analysis.findings import counted, nothing_selected, of_year_only, they_have
from terrafusion.analysis.ratios.standard import MET, NOT_MET, STATISTICALLY_MET, bands, written
from terrafusion.analysis.selection import Account

FALLING, RISING, WITHIN, UNCLEAR, DISAGREE, UNKNOWN = "falling", "rising", "within", "unclear", "disagree", "unknown"

_BY: Final = "PRB, VEI and MKI"
_SAID: Final = {
    FALLING: f"ratios fall with value by {_BY}, as they do for noise in prices where assessments are fair",
    RISING: f"ratios rise with value by {_BY}",
    WITHIN: f"{_BY} lie within the IAAO's bands",
    UNCLEAR: f"{_BY} do not clearly leave the IAAO's bands",
    DISAGREE: f"{_BY} do not agree whether ratios fall or rise with value beyond the IAAO's bands",
    UNKNOWN: f"whether ratios fall or rise with value cannot be told by {_BY}",
}
_NOISE: Final = (
    "Noise in prices alone makes ratios fall with value by PRB, VEI and MKI, and noise in values makes them rise by PRB "
    "and VEI, also where assessments are fair: none of the three tells noise from bias"
)

_JUDGED: Final = ("median", "prd", "prb", "mki", "vei")


@dataclass(frozen=True, slots=True)
class Told:
    """All that the sentence and the warnings are made from."""

    county_id: str
    parameters: EquityParameters
    overall: Study
    """That of all sales together."""
    rows: pl.DataFrame


def vertical(row: Mapping[str, Any]) -> str:
    """Say whether ratios fall or rise with value: only where the intervals of PRB, VEI and MKI all leave their bands alike.

    Intervals are taken as printed. What the ratios do says nothing of its cause: noise in values alone moves PRB and
    VEI up, noise in prices moves all three down, and enough of it beyond the bands.
    """
    places = {_place(row, name, digits) for name, digits in _DIGITS.items()}
    if UNKNOWN in places:
        return UNKNOWN
    if len(places) == 1:
        return places.pop()
    return DISAGREE if places & {FALLING, RISING} else UNCLEAR


_DIGITS: Final = {"prb": 3, "vei": 1, "mki": 3}
"""How many digits of each measure are printed."""

_BANDS: Final = bands(None, "mid", level=1.0)


def _place(row: Mapping[str, Any], name: str, digits: int) -> str:
    low, high = row.get(f"{name}_ci_low"), row.get(f"{name}_ci_high")
    if low is None or high is None:
        return UNKNOWN
    band, low, high = _BANDS[name], round(low, digits), round(high, digits)
    if high < band.low or low > band.high:
        return FALLING if high < band.low else RISING
    return WITHIN if low >= band.low and high <= band.high else UNCLEAR


def key_finding(told: Told) -> str:
    """Put vertical and horizontal equity into one sentence."""
    row = told.overall.row
    n = row["n"] or 0
    found = counted(n, "sale")
    if not n:
        return nothing_selected(told.county_id, "sales with a value")
    if row["suppressed"]:
        least = told.parameters.min_sales
        return f"In {told.county_id} the request selects {found} with a value, too few to tell ({least} or more)."
    measures = "; ".join(_measure(told, name, digits) for name, digits in _DIGITS.items())
    said = [f"{_SAID[vertical(row)]} ({measures})", _like_homes(row)]
    return f"In {told.county_id} ({found}) {'; '.join(part for part in [*said, _neighbours(told)] if part)}."


def _measure(told: Told, name: str, digits: int) -> str:
    row = told.overall.row
    value, low, high, judged = (row.get(f"{name}{end}") for end in ("", "_ci_low", "_ci_high", "_verdict"))
    if value is None:
        return f"{name.upper()} cannot be told"
    level = f"{told.parameters.confidence_level * 100:g}%"
    between = f"{level} interval {low:z.{digits}f} to {high:z.{digits}f}" if low is not None else "no interval"
    band = _BANDS[name]
    verdict = f", {judged} ({band.low:g} to {band.high:g})" if judged else ""
    return f"{name.upper()} {written(value, digits, band if judged else None)}, {between}{verdict}"


def _like_homes(row: Mapping[str, Any]) -> str:
    inside, over_all = row.get("value_per_sqft_cod_within"), row.get("value_per_sqft_cod_overall")
    if inside is None or over_all is None:
        return ""
    return (
        f"inside {counted(row['clusters'], 'cluster')} of like homes values per "
        f"square foot have a COD of {inside:.1f} and prices of {row['price_per_sqft_cod_within']:.1f}, "
        f"over all {over_all:.1f} and {row['price_per_sqft_cod_overall']:.1f}"
    )


def _neighbours(told: Told) -> str:
    row = told.overall.row
    index, z, p = (row.get(name) for name in ("moran_i", "moran_z", "moran_p"))
    if index is None or z is None or p is None:
        return ""
    shown = f"Moran's I {index:.3f}, z {z:.1f}"
    if p >= 1 - told.parameters.confidence_level:
        return f"ratios of neighbours are no more alike than chance would have them ({shown})"
    return f"ratios of neighbours are {'more' if z > 0 else 'less'} alike than chance would have them ({shown})"


def tally(rows: pl.DataFrame) -> dict[str, Any]:
    """Count the groups by verdict, and by what ratios do with value."""
    groups = rows.filter(pl.col("record") == "group")
    counts = {
        name: {said: int((groups[f"{name}_verdict"] == said).sum()) for said in (MET, STATISTICALLY_MET, NOT_MET)}
        for name in _JUDGED
    }
    found = [vertical(row) for row in groups.iter_rows(named=True)]
    return {
        "groups": groups.height,
        "group_verdicts": counts,
        "group_vertical": {said: found.count(said) for said in _SAID},
    }


def cautions(told: Told, account: Account) -> Iterator[Caution]:
    """Tell what the figures alone do not."""
    row = told.overall.row
    if row["suppressed"]:
        return
    yield Caution("noise_looks_like_bias", _NOISE)
    yield from _of_clusters(row, told, account)
    yield from _of_places(row, told, account)
    suppressed = told.rows.filter(pl.col("record") == "group")["suppressed"]
    spared, groups = int(suppressed.sum()), len(suppressed)
    if spared and groups > 1:
        yield Caution(
            "groups_suppressed", f"{they_have(spared, 'group', of=groups)} fewer than {told.parameters.min_sales} sales"
        )
    yield from of_year_only(account.year_only)


def _of_clusters(row: Mapping[str, Any], told: Told, account: Account) -> Iterator[Caution]:
    if not account.known("building_size_sqft"):
        yield Caution("sizes_unknown", "No sale has a building_size_sqft, so like homes are not compared")
        return
    least, known = told.parameters.min_cluster, row["n"] - row["without_size"]
    if not row["clusters"]:
        yield Caution("no_clusters", f"No cluster of like homes has {least} of the {known} sales whose size is known")
    elif 2 * row["clustered"] < row["n"]:
        message = f"Only {row['clustered']} of {row['n']} sales lie in clusters of {least} or more like homes"
        yield Caution("clusters_hold_few", message)


def _of_places(row: Mapping[str, Any], told: Told, account: Account) -> Iterator[Caution]:
    places, least = row["moran_places"], max(LEAST, told.parameters.neighbors + 2)
    if not account.known("latitude") or not account.known("longitude"):
        yield Caution("coordinates_unknown", "No sale has latitude and longitude, so neighbours are not compared")
    elif places < least:
        yield Caution("moran_too_few_places", f"The sales lie at {counted(places, 'place')}; Moran's I needs {least}")
    elif row.get("moran_i") is None:
        yield Caution("moran_all_equal", "All places have the same ratio, so Moran's I does not exist")
    elif places > LARGEST and told.parameters.permutations:
        message = f"Above {LARGEST:,} places Moran's I is judged by the normal alone; no random orders are drawn"
        yield Caution("permutations_skipped", message)
