"""Seattle: how far prices lie from those of their ZIP and twelve months, and what the sales that are not valid are not for."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"group_by": "zip_code"}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the z of all prices beside the normal curve and the bounds; and how many sales have which reason."""
    left, right = figure.subplots(1, 2)
    z = answer.table["z_price"].drop_nulls().to_numpy()
    edges = np.linspace(-5, 5, 61)
    left.hist(np.clip(z, -5, 5), bins=edges, density=True, color="0.8", label="z of ln price")
    middle = np.linspace(-5, 5, 201)
    left.plot(middle, np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), lw=1, label="normal distribution")
    for bound in (-answer.summary["sd_low"], answer.summary["sd_high"]):
        left.axvline(bound, ymax=0.8, color="C3", lw=1, ls="--")
    left.set_xlabel("sd from the mean of the ZIP's last 12 months")
    left.set_ylim(0, 0.6)
    left.legend(frameon=False, fontsize=8, loc="upper left")
    told = {reason: count for reason, count in answer.summary["reasons"].items() if count}
    bars = right.barh(list(told), list(told.values()), color="0.8")
    right.bar_label(bars, padding=2, fmt="{:,.0f}")
    right.invert_yaxis()
    right.set_xlabel("sales with the reason")
    right.set_xlim(0, 1.2 * max(told.values()))
