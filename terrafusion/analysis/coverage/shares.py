"""The share of parcels that sold, cell by cell, and whether the cells differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis.arrays import Codes
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.proportions import wilson
from terrafusion.analysis.ratios.segments import Estimate

NO_INTERVAL: Final = "no interval: of this statistic none is in use"
FEWEST_EXPECTED: Final = 5
"""Parcels that chance alone must lead to expect in a cell, sold and unsold, for a chi-square (Cochran 1954)."""


def share_of(n: int, of: int, confidence_level: float) -> Estimate:
    """Return a share with its interval; nan of nothing."""
    low, high = wilson(n, of, critical_value(confidence_level))
    return Estimate(n / of, float(low), float(high)) if of else Estimate()


def shares(name: str, cells: pl.DataFrame, confidence_level: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell of ``group``, ``sold`` and ``parcels``, in their order."""
    whole = int(cells["sold"].sum()) / max(int(cells["parcels"].sum()), 1)
    for group, sold, parcels in cells.select("group", "sold", "parcels").iter_rows():
        value, low, high = share_of(sold, parcels, confidence_level)
        said = "more" if low > whole else "less" if high < whole else "unclear"
        row = {"name": name, "measure": "share", "group": group, "n": sold, "of": parcels}
        yield {**row, "value": value, "ci_low": low, "ci_high": high, "verdict": said}


def chi_square(name: str, cells: pl.DataFrame) -> dict[str, Any]:
    """Return the row that tells whether the share sold differs between the cells.

    Cells in which fewer than `FEWEST_EXPECTED` sold or unsold parcels are expected count as one.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - slow to import

    sold, parcels = cells["sold"].to_numpy(), cells["parcels"].to_numpy()
    row = {"name": name, "measure": "chi_square", "test": "chi-square", "n": int(sold.sum()), "of": int(parcels.sum())}
    groups = _pooled(sold, parcels)
    sold, parcels = (np.bincount(groups, part).astype(np.float64) for part in (sold, parcels))
    whole = sold.sum() / max(parcels.sum(), 1)
    if len(parcels) < 2 or not 0 < whole < 1:  # noqa: PLR2004 - there is nothing to compare
        return row | {
            "note": f"not tested: fewer than two cells in which {FEWEST_EXPECTED} sold and unsold are expected"
        }
    statistic = float(((sold - parcels * whole) ** 2 / (parcels * whole * (1 - whole))).sum())
    freedom, joined = len(parcels) - 1, cells.height - len(parcels) + 1
    note = f"{joined} cells counted as one, since too few are expected" if joined > 1 else NO_INTERVAL
    return row | {
        "value": math.sqrt(statistic / parcels.sum()),
        "statistic": statistic,
        "degrees_of_freedom": freedom,
        "p_value": float(chdtrc(freedom, statistic)),
        "note": note,
    }


def _pooled(sold: Codes, parcels: Codes) -> Codes:
    """Tell each cell its number, which those share in which too few are expected, and as many more as it takes."""
    whole = sold.sum() / max(parcels.sum(), 1)
    expected = parcels * min(whole, 1 - whole)
    order = np.argsort(expected, kind="stable")
    small = int((expected < FEWEST_EXPECTED).sum())
    while 0 < small < len(order) and expected[order[:small]].sum() < FEWEST_EXPECTED:
        small += 1
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.maximum(np.arange(len(order)) - max(small - 1, 0), 0)
    return numbers
