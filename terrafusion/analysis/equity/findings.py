"""What a reader is told first: who is assessed higher, if anybody, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.equity.moran import LARGEST, LEAST
from terrafusion.analysis.equity.parameters import EquityParameters
from terrafusion.analysis.equity.rows import Study
from terrafusion.analysis.price_index.cautions import of_years
from terrafusion.analysis.ratios.standard import MET, NOT_MET, STATISTICALLY_MET, bands

REGRESSIVE, PROGRESSIVE, UNCLEAR, DISAGREE, UNKNOWN = "regressive", "progressive", "unclear", "disagree", "unknown"

_SAID: Final = {
    REGRESSIVE: "cheaper homes are assessed at a higher level than dear ones",
    PROGRESSIVE: "dear homes are assessed at a higher level than cheaper ones",
    UNCLEAR: "cheap and dear homes are not clearly assessed at different levels",
    DISAGREE: "the measures do not agree whether cheap or dear homes are assessed at a higher level",
    UNKNOWN: "whether cheap or dear homes are assessed at a higher level cannot be told",
}

_JUDGED: Final = ("median", "prd", "prb", "mki", "vei")


@dataclass(frozen=True, slots=True)
class Told:
    """All that the sentence and the warnings are made from."""

    county_id: str
    parameters: EquityParameters
    level: float
    overall: Study
    """That of all sales together."""
    rows: pl.DataFrame


def vertical(row: Mapping[str, Any]) -> str:
    """Say who is assessed higher: only where PRB, VEI and MKI say the same, and their intervals as printed are clear.

    Noise in values alone moves PRB and VEI, noise in prices all three; so one or two of them prove little.
    """
    signs = {_sign(row, name, *rest) for name, rest in _NEUTRAL.items()}
    if None in signs:
        return UNKNOWN
    if len(signs) > 1:
        return DISAGREE
    return {-1: REGRESSIVE, 0: UNCLEAR, 1: PROGRESSIVE}[signs.pop() or 0]


_NEUTRAL: Final = {"prb": (0, 3), "vei": (0, 1), "mki": (1, 3)}
"""The value of each measure that is neither regressive nor progressive, and to how many digits it is printed."""


def _sign(row: Mapping[str, Any], name: str, neutral: float, digits: int) -> int | None:
    low, high = row.get(f"{name}_ci_low"), row.get(f"{name}_ci_high")
    if low is None or high is None:
        return None
    return int(round(low, digits) > neutral) - int(round(high, digits) < neutral)


def key_finding(told: Told) -> str:
    """Put vertical and horizontal equity into one sentence."""
    row = told.overall.row
    n = row["n"] or 0
    found = f"{n:,} {'sale' if n == 1 else 'sales'}"
    if not n:
        return f"In {told.county_id} no sales with a value were found that this request selects."
    if row["suppressed"]:
        least = told.parameters.min_sales
        return f"In {told.county_id} the request selects {found} with a value, too few to tell ({least} or more)."
    measures = "; ".join(_measure(told, name, digits) for name, (_, digits) in _NEUTRAL.items())
    said = [f"{_SAID[vertical(row)]} ({measures})", _like_homes(row)]
    return f"In {told.county_id} ({found}) {'; '.join(part for part in [*said, _neighbours(told)] if part)}."


def _measure(told: Told, name: str, digits: int) -> str:
    row = told.overall.row
    value, low, high, judged = (row.get(f"{name}{end}") for end in ("", "_ci_low", "_ci_high", "_verdict"))
    if value is None:
        return f"{name.upper()} cannot be told"
    level = f"{told.parameters.confidence_level * 100:g}%"
    between = f"{level} interval {low:.{digits}f} to {high:.{digits}f}" if low is not None else "no interval"
    band = bands(None, told.parameters.jurisdiction_size, level=told.level)[name]
    verdict = f", {judged} ({band.low:g} to {band.high:g})" if judged else ""
    return f"{name.upper()} {value:.{digits}f}, {between}{verdict}"


def _like_homes(row: Mapping[str, Any]) -> str:
    inside, over_all = row.get("value_per_sqft_cod_within"), row.get("value_per_sqft_cod_overall")
    if inside is None or over_all is None:
        return ""
    return (
        f"inside {row['clusters']:,} {'cluster' if row['clusters'] == 1 else 'clusters'} of like homes values per "
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
    """Count the groups by verdict, and by who is assessed higher."""
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


def cautions(told: Told, used: pl.DataFrame) -> Iterator[Caution]:
    """Tell what the figures alone do not."""
    row = told.overall.row
    if row["suppressed"]:
        return
    yield from _of_clusters(row, told, used)
    yield from _of_places(row, told, used)
    spared = told.rows.filter(pl.col("record") == "group")["suppressed"].sum()
    if spared and told.rows.filter(pl.col("record") == "group").height > 1:
        yield Caution("groups_suppressed", f"{spared} groups have fewer than {told.parameters.min_sales} sales")
    yield from of_years(used)


def _of_clusters(row: Mapping[str, Any], told: Told, used: pl.DataFrame) -> Iterator[Caution]:
    if not used["building_size_sqft"].count():
        yield Caution("sizes_unknown", "No sale has a building_size_sqft, so like homes are not compared")
        return
    least, known = told.parameters.min_cluster, row["n"] - row["without_size"]
    if not row["clusters"]:
        yield Caution("no_clusters", f"No cluster of like homes has {least} of the {known} sales whose size is known")
    elif 2 * row["clustered"] < row["n"]:
        message = f"Only {row['clustered']} of {row['n']} sales lie in clusters of {least} or more like homes"
        yield Caution("clusters_hold_few", message)


def _of_places(row: Mapping[str, Any], told: Told, used: pl.DataFrame) -> Iterator[Caution]:
    places, least = row["moran_places"], max(LEAST, told.parameters.neighbors + 2)
    if not used["latitude"].count() or not used["longitude"].count():
        yield Caution("coordinates_unknown", "No sale has latitude and longitude, so neighbours are not compared")
    elif places < least:
        yield Caution("moran_too_few_places", f"The sales lie at {places} places; Moran's I needs {least}")
    elif row.get("moran_i") is None:
        yield Caution("moran_all_equal", "All places have the same ratio, so Moran's I does not exist")
    elif places > LARGEST and told.parameters.permutations:
        message = f"Above {LARGEST:,} places Moran's I is judged by the normal alone; no random orders are drawn"
        yield Caution("permutations_skipped", message)
