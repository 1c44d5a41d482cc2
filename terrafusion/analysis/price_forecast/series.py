"""The log index of one market as it was known at the end of each period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes, Flags, Floats
from terrafusion.analysis.hedonic import Sample, growing
from terrafusion.analysis.price_index.estimate import FREEDOM, filled


@dataclass(frozen=True, slots=True)
class Series:
    """A log index over periods in a row, of which the first and the last are estimated.

    ``versions`` has, by how many of its periods were over, the index as it was then; the longest is as it is now.
    Periods that were too thin lie between their neighbours; where the last one was, there is no version.
    """

    first: int
    """The place of the first period among all, from 0."""
    versions: dict[int, Floats]
    observations: Codes
    """Of its periods."""
    estimated: Codes
    """The places, within the series, of the periods that are estimated."""
    used: int
    """Sales in all, also in periods that have no part."""

    @property
    def values(self) -> Floats:
        """The index as it is now."""
        return self.versions[max(self.versions)] if self.versions else np.empty(0)


def nothing(used: int) -> Series:
    """Return the series of a market without an index."""
    none = np.empty(0, dtype=np.int64)
    return Series(0, {}, none, none, used)


def hedonic(sample: Sample, places: Codes, *, least: int, begin: int) -> Series:
    """Return the time-dummy index; each version is estimated from the sales until then alone.

    ``places`` are those of the sample's periods; ``least`` sales make a period count, ``begin`` is the length of
    the first version that is wanted.
    """
    counts = np.bincount(sample.period, minlength=len(places))
    thick = np.flatnonzero(counts >= least)
    sales = np.cumsum(counts)
    if sales[-1] < len(places) + FREEDOM:  # each period has a parameter: no fit can have it
        return nothing(len(sample.log_price))
    steps = list(growing(sample, begin=0))
    sure = thick[[sales[end] - steps[end].estimated >= FREEDOM for end in thick]]
    if not sure.size:
        return nothing(len(sample.log_price))
    return _of_versions((step.effects for step in steps), sure, places, counts, least=least, begin=begin)


def medians(sales: pl.DataFrame, places: Codes, *, least: int, begin: int) -> Series:
    """Return logs of the medians of ``price`` by ``place``; ``places`` are the distinct ones, ascending."""
    told = sales.group_by("place").agg(pl.col("price").median().log(), pl.len().alias("count")).sort("place")
    counts, logs = told["count"].to_numpy().astype(np.int64), told["price"].to_numpy()
    sure = np.flatnonzero(counts >= least)
    if not sure.size:
        return nothing(sales.height)
    return _of_versions((logs[: end + 1] for end in range(len(logs))), sure, places, counts, least=least, begin=begin)


def _of_versions(
    versions: Iterator[Floats], ends: Codes, places: Codes, counts: Codes, *, least: int, begin: int
) -> Series:
    """Lay versions, one for each of the ``places``, over the calendar; those that end at ``ends`` are kept."""
    thick = counts >= least
    first, last = int(places[np.flatnonzero(thick)[0]]), int(places[ends[-1]])
    kept = set(ends.tolist())
    found = {}
    for end, logs in enumerate(versions):
        length = int(places[end]) - first + 1
        if end in kept and (length >= begin or end == ends[-1]):
            found[length] = _laid(logs, places, thick, first, length)
    inside = thick & (places >= first) & (places <= last)
    observations = np.zeros(last - first + 1, np.int64)
    within = (places >= first) & (places <= last)
    observations[places[within] - first] = counts[within]
    return Series(first, found, observations, places[inside] - first, int(counts.sum()))


def _laid(logs: Floats, places: Codes, thick: Flags, first: int, length: int) -> Floats:
    usable = np.flatnonzero(thick[: len(logs)])
    whole = np.full(length, np.nan)
    whole[places[usable] - first] = logs[usable]
    return filled(whole)[0]
