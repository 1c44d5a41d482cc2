"""A parcel of Ballard: what its value is made of; and how many held-out prices lie inside their ranges."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"zip_codes": ["98107"], "subject_parcel_ids": ["0123000110"]}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw a bar for each contribution from where the one before ends, and the coverage by quarter of price and value."""
    row = answer.rows.row(0, named=True)
    parts = {name: dollars for name, dollars in row["contributions"].items() if dollars}
    ends = np.cumsum(list(parts.values())) / 1e3
    begins = np.concatenate([[0.0], ends[:-1]])
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    colours = ["C7" if name == "base" else "C0" if dollars > 0 else "C3" for name, dollars in parts.items()]
    left.barh(list(parts), ends - begins, left=begins, color=colours)
    left.axvspan(row["value_low"] / 1e3, row["value_high"] / 1e3, alpha=0.15, label="80% range")
    left.axvline(row["estimated_value"] / 1e3, color="black", linewidth=1, label="value")
    left.invert_yaxis()
    left.set(xlim=(500, 800), xlabel="thousand dollars", title=f"Parcel {row['parcel_number']}")
    left.legend(frameon=False, fontsize=8)
    for shift, (kind, marker) in zip((-0.1, 0.1), (("price", "o"), ("value", "s")), strict=True):
        quarters = answer.summary[f"by_{kind}_quarter"]
        place = [quarter["quarter"] + shift for quarter in quarters]
        held = np.array(
            [[quarter[f"interval_coverage{end}"] for quarter in quarters] for end in ("", "_ci_low", "_ci_high")]
        )
        reach = [held[0] - held[1], held[2] - held[0]]
        right.errorbar(place, held[0], yerr=reach, fmt=marker, capsize=3, label=f"by quarter of the {kind}")
    right.axhline(80, color="black", linewidth=1)
    right.set(xticks=[1, 2, 3, 4], xlabel="quarter, cheapest first", title="prices inside their 80% range, %")
    right.legend(frameon=False, fontsize=8)
