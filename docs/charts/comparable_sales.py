"""A Seattle home: what its comparables sold for, and what that comes to for the subject, with the range of its value."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"subject_parcel_ids": ["0001800066"]}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw an arrow from each sale's price to its adjusted price, and the value with its range across."""
    rows, told, axes = answer.rows, answer.summary["subjects"][0], figure.add_subplot()
    axes.axvspan(told["value_low"], told["value_high"], alpha=0.15, label="80% range")
    axes.axvline(told["estimated_value"], linewidth=1.5, label="estimated value")
    axes.scatter(rows["sale_price"], rows["rank"], facecolors="none", edgecolors="tab:gray", label="sale price")
    axes.scatter(rows["adjusted_price"], rows["rank"], s=rows["weight"] * 300, label="adjusted price, by weight")
    for rank, sold, adjusted in rows.select("rank", "sale_price", "adjusted_price").iter_rows():
        axes.annotate("", (adjusted, rank), (sold, rank), arrowprops={"arrowstyle": "->", "color": "tab:gray"})
    axes.set(xlabel="dollars", ylabel="rank of the comparable", yticks=rows["rank"], title="Parcel 0001800066, Seattle")
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("${x:,.0f}")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
