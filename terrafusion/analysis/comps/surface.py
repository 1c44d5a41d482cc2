"""What a place adds to the log price beyond all else: residuals of sales, averaged over narrowing circles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.comps.homes import on_the_map

SCALES_KM: Final = (8.1, 2.7, 0.9, 0.3)
"""Standard deviations of the kernels, the widest first."""

_PER_SCALE: Final = 3
"""Cells of the grid to a standard deviation."""
_MOST_CELLS: Final = 4_000_000
_PSEUDO: Final = 3.0
"""So many sales at the wider scale's average are added to those of a circle."""
_REACH: Final = 3


@dataclass(frozen=True, slots=True)
class _Grid:
    """Cells of one scale over the homes' box."""

    origin: Floats
    size: float
    shape: tuple[int, int]
    sigma: float
    """Of the kernel, in cells."""
    counts: Floats
    """Kernel sums of the sales, flat; a sale in the very cell counts 1."""

    def cells(self, places: Floats) -> Codes:
        """Return each place's cell; places beyond the box have that of its border, where nothing is."""
        east, north = (self._along(places[:, axis], axis) for axis in (0, 1))
        return east * self.shape[1] + north

    def _along(self, km: Floats, axis: int) -> Codes:
        at = (km - self.origin[axis]) * (1 / self.size)
        at[np.isnan(at)] = 0.0
        places: Codes = np.minimum(np.maximum(at, 0.0), self.shape[axis] - 1).astype(np.int64)
        return places

    def kernel(self, one: Codes, other: Codes) -> Floats:
        """Return the kernel's value between cells, 1 within the same."""
        across, along = (
            np.abs(a - b) for a, b in zip(divmod(one, self.shape[1]), divmod(other, self.shape[1]), strict=True)
        )
        near = np.maximum(across, along) <= int(_REACH * self.sigma + 0.5)
        value: Floats = np.where(near, np.exp(-0.5 * (across**2 + along**2) / self.sigma**2), 0.0)
        return value

    def summed(self, cells: Codes, values: Floats | None) -> Floats:
        """Return kernel sums of values (None counts sales) at every cell."""
        from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - slow to import

        raw = np.bincount(cells, values, minlength=self.shape[0] * self.shape[1]).astype(np.float64)
        smooth = gaussian_filter(raw.reshape(self.shape), self.sigma, mode="constant", truncate=_REACH)
        flat: Floats = smooth.ravel() / _centre(self.sigma)
        return flat


def _centre(sigma: float) -> float:
    """Return the weight that the discrete kernel gives to its own cell."""
    reach = np.arange(-int(_REACH * sigma + 0.5), int(_REACH * sigma + 0.5) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    return float(1 / kernel.sum() ** 2)


class Surface:
    """The places of sales, and the grids over them; residuals come and go."""

    def __init__(self, places: Floats) -> None:
        self._known = on_the_map(places)
        self._grids, self._cells = [], []
        for scale in SCALES_KM if self._known.any() else ():
            grid = _grid(places[self._known], scale)
            self._grids.append(grid)
            self._cells.append(grid.cells(places))
        self._sums: list[Floats] = []
        self._learned = np.zeros(len(places))

    def learn(self, residuals: Floats) -> None:
        """Take the sales' residuals in."""
        known, self._learned = self._known, residuals
        self._sums = [
            grid.summed(cells[known], residuals[known]) for grid, cells in zip(self._grids, self._cells, strict=True)
        ]

    def at(self, places: Floats, *, without: Codes | None = None) -> Floats:
        """Return the surface at places; ``without`` names for each place the sale whose residual is left out.

        It is 0 where a place is not known.
        """
        height = np.zeros(len(places))
        for grid, cells, sums in zip(self._grids, self._cells, self._sums, strict=True):
            here = grid.cells(places)
            less, fewer = self._left_out(grid, here, cells, without)
            count = np.maximum(grid.counts[here] - fewer, 0.0)
            height = (sums[here] - less + _PSEUDO * height) / (count + _PSEUDO)
        return np.where(on_the_map(places), height, 0.0)

    def _left_out(self, grid: _Grid, here: Codes, cells: Codes, without: Codes | None) -> tuple[Floats, Floats]:
        if without is None:
            return np.zeros(1), np.zeros(1)
        kernel = np.where(self._known[without], grid.kernel(here, cells[without]), 0.0)
        return kernel * self._learned[without], kernel

    def own(self, *, without: bool = False) -> Floats:
        """Return the surface at the sales themselves, ``without`` each one's own residual."""
        less, one = (self._learned, 1.0) if without else (np.zeros(1), 0.0)
        height = np.zeros(len(self._known))
        for grid, cells, sums in zip(self._grids, self._cells, self._sums, strict=True):
            count = np.maximum(grid.counts[cells] - one, 0.0)
            height = (sums[cells] - less + _PSEUDO * height) / (count + _PSEUDO)
        return np.where(self._known, height, 0.0)


def _grid(places: Floats, scale: float) -> _Grid:
    low, high = (np.array([end(places[:, axis]) for axis in (0, 1)]) for end in (np.min, np.max))
    margin = (_REACH + 1) * scale
    extent = high - low + 2 * margin
    size = max(scale / _PER_SCALE, float(np.sqrt(extent.prod() / _MOST_CELLS)))
    shape = (int(extent[0] / size) + 1, int(extent[1] / size) + 1)
    bare = _Grid(low - margin, size, shape, scale / size, np.empty(0))
    counts = bare.summed(bare.cells(places), None)
    return _Grid(bare.origin, size, shape, bare.sigma, np.maximum(counts, 0.0))
