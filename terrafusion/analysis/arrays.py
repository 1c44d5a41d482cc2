"""How arrays are named by what they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
"""Whole numbers that stand for something: groups, periods, days."""
Flags = NDArray[np.bool_]
