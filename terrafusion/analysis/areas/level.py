"""What homes of one quality sell for in each area, and what is left of every sale when that is taken away.

ln S = area + period + characteristics + error, by least squares. Areas take the part that periods have in the
time-dummy index (`terrafusion.analysis.hedonic`), so their effects and the covariance of these (HC1) come from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.frames import column_by_column
from terrafusion.analysis.hedonic import Sample, fit


@dataclass(frozen=True, slots=True)
class Laid:
    """The sales of the areas that are compared, sorted by content alone."""

    area: Codes
    """From 0, none unused."""
    ordinal: Codes
    """Numbers of the periods."""
    log_price: Floats
    characteristics: Floats
    """One row a characteristic, one column a sale."""
    names: tuple[str, ...]
    zip_code: Codes
    """Codes of the ZIPs that the areas are judged against; -1 where a sale tells none."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The areas' levels against the mean of all sales, in logs, with their covariance."""

    levels: Floats
    covariance: Floats
    moved: Floats
    """Of each sale, what area and characteristics leave: period and error."""
    residual: Floats
    """Of each sale, what the period leaves of that as well."""
    quality: Floats
    """Of each sale, what period and characteristics leave of ln S: area and error."""
    freedom: int
    """Sales less parameters."""

    def widening(self, counts: Codes) -> Floats:
        """Return by what the variances of areas of so many sales are too small: at least n / (n - 1), of which HC1 holds a part."""
        total = int(counts.sum())
        factor: Floats = np.maximum(counts / (counts - 1) * self.freedom / total, 1.0)
        return factor


def laid_of(chosen: indexes.Design, least: int) -> tuple[Laid, Codes]:
    """Lay out the sales of the areas that have ``least`` of them; also return those areas' codes.

    The design's ``location`` is the area, its ``group_code`` the ZIP. Its sales are given up as they are laid out: two of
    each would be twice the file.
    """
    codes = chosen.sales["location"].to_numpy()
    counts = np.bincount(codes) if len(codes) else np.zeros(0, np.int64)
    known = np.flatnonzero(counts >= least)
    kept = pl.Series((counts >= least)[codes])
    sales = column_by_column(chosen.sales, lambda column: column.filter(kept))
    characteristics = np.empty((len(chosen.characteristics), sales.height))
    for row, name in zip(characteristics, chosen.characteristics, strict=True):
        row[:] = sales.drop_in_place(name).to_numpy()
    return Laid(
        area=np.searchsorted(known, sales["location"].to_numpy()),
        ordinal=sales["ordinal"].to_numpy().astype(np.int64),
        log_price=sales["log_price"].to_numpy(),
        characteristics=characteristics,
        names=chosen.characteristics,
        zip_code=sales["group_code"].to_numpy().astype(np.int64),
    ), known


def levels_of(laid: Laid) -> Levels:
    """Estimate the levels. There must be two areas, and more sales than parameters."""
    _, period = np.unique(laid.ordinal, return_inverse=True)
    fitted = fit(Sample(laid.log_price, laid.area, period, laid.characteristics), base=0)
    priced = (
        np.einsum("k,kn->n", np.nan_to_num(fitted.slopes), laid.characteristics)
        if len(laid.names)
        else np.zeros_like(laid.log_price)
    )
    moved = laid.log_price - priced - fitted.effects[laid.area]
    in_period = np.bincount(period, moved) / np.bincount(period)
    share = np.bincount(laid.area) / len(laid.area)
    residual = moved - in_period[period]
    return Levels(
        levels=fitted.effects - float((share * fitted.effects).sum()),
        covariance=_against(fitted.covariance, share),
        moved=moved,
        residual=residual,
        quality=fitted.effects[laid.area] + residual,
        freedom=fitted.observations - fitted.estimated,
    )


def _against(covariance: Floats, share: Floats) -> Floats:
    """Return the covariance of the effects less their mean, weighted by ``share``; in the memory of ``covariance``."""
    mean = np.einsum("ij,j->i", covariance, share)
    covariance -= mean[:, None]
    covariance -= mean - float(np.einsum("i,i->", mean, share))
    return covariance
