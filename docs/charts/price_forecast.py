"""Seattle's next year by month: a fan of what past forecasts say of this one."""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer
from terrafusion.analysis.price_forecast.backtest import reach

COUNTY: Final = "king_wa"
PARAMETERS: Final = {"horizon": 12}


def draw(answer: Answer, figure: Figure) -> None:
    """Draw the index, its next periods, and bands that 50, 80 and 95% of past errors keep."""
    rows, table, axes = answer.rows, answer.table, figure.add_subplot()
    history = table.filter(pl.col("record") == "history", pl.col("period") >= "2013")
    past = table.filter(pl.col("record") == "backtest")
    last = history.row(-1, named=True)
    day = [last["period_start"], *rows["period_start"]]
    path = np.array([last["index"], *rows["index"]])
    for level in (0.95, 0.8, 0.5):
        errors = [past.filter(pl.col("horizon") == step)["error"].to_numpy() for step in rows["horizon"]]
        radius = np.fmax.accumulate([0.0, *(reach(each, level).radius for each in errors)])
        axes.fill_between(day, path * np.exp(-radius), path * np.exp(radius), alpha=0.2, color="C0", linewidth=0)
    axes.plot(history["period_start"].to_numpy(), history["index"], color="black", label="index")
    axes.plot(day, path, color="C0", label="forecast; bands hold in 50, 80 and 95% of cases")
    axes.set(ylabel="index, 2010-01 = 100", title="Seattle by month, and the next year")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
