"""What a reader is told first of a forecast, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.findings import FELL, ROSE, counted, direction, nothing_selected, they_have
from terrafusion.analysis.price_forecast.forecast import Forecast
from terrafusion.analysis.price_forecast.methods import LEAST

_WAYS = {"naive_mape": "the last value carried on", "seasonal_naive_mape": "the value of a year before"}


def key_finding(county_id: str, sales: int, whole: Forecast, *, same: str) -> str:
    """Say what comes, how sure that is, and whether the model was better than to do nothing; ``same`` is what moves."""
    if not sales:
        return nothing_selected(county_id)
    found = counted(sales, "sale")
    if whole.refused:
        return (
            f"In {county_id} ({found}) there is no forecast: {they_have(whole.periods, f'full {whole.period}')} sales enough, "
            f"and {LEAST} are needed."
        )
    row = whole.table.row(-1, named=True)
    return f"From {whole.last} to {row['period']} {same} in {county_id} {_said(row)} ({found}){_judged(whole)}."


def _said(row: dict[str, Any]) -> str:
    change, low, high = row["change_pct"], row["change_ci_low_pct"], row["change_ci_high_pct"]
    if low is None:
        return f"are forecast to change by {_signed(change)}, without an interval: too few past forecasts can be judged"
    level = f"{100 * row['interval_level']:.4g}%"
    interval = f"{level} interval {_signed(low)} to {_signed(high)} from {counted(row['errors'], 'past forecast')}"
    moved = direction(change, low, high)
    if moved in (ROSE, FELL):
        return f"are forecast to {'rise' if moved == ROSE else 'fall'} by {abs(change):.1f}% ({interval})"
    return f"may rise or fall ({_signed(change)}, {interval})"


def _signed(per_cent: float) -> str:
    return f"{round(per_cent, 1) + 0.0:+.1f}%"


def _judged(whole: Forecast) -> str:
    """Say by how much past forecasts as far ahead missed, or those farthest ahead that can be judged."""
    judged = whole.table.filter(pl.col("errors") > 0)
    if judged.is_empty():
        return ""
    row = judged.row(-1, named=True)
    name = min(_WAYS, key=lambda way: row[way])
    far = "as far ahead" if judged.height == whole.table.height else f"{counted(row['horizon'], whole.period)} ahead"
    missed = f"past forecasts {far} missed by {row['mape']:.1f}% on average, {_WAYS[name]} by {row[name]:.1f}%"
    return f"; {missed}" if row["mape"] < row[name] else f"; it is no better than {_WAYS[name]}: {missed}"


def beats_naive(whole: Forecast) -> bool | None:
    """Say whether past forecasts missed by less than both naive ways; None where none can be judged."""
    told = whole.overall()
    if told["mape"] is None:
        return None
    return bool(told["mape"] < min(told[name] for name in _WAYS))


def cautions(groups: Sequence[Forecast], *, level: float, ends: int) -> Iterator[Caution]:
    """Tell what the figures alone do not; ``ends`` is the place of the last full period."""
    told = [one for one in groups if not one.refused]
    refused = [one for one in groups if one.refused]
    if refused:
        most = max(one.periods for one in refused)
        message = f"{len(refused)} of {len(groups)} groups have no forecast: at most {they_have(most, 'full period')} sales enough, and {LEAST} are needed"
        yield Caution("too_few_periods", message)
    worse = [one for one in told if beats_naive(one) is False]
    if worse:
        message = f"In {len(worse)} of {len(told)} groups past forecasts were no better than a naive way; read them as no more"
        yield Caution("no_better_than_naive", message)
    early = [one for one in told if one.series.first + len(one.series.values) - 1 < ends]
    if early:
        message = f"In {len(early)} of {len(told)} groups the last full periods have too few sales; their forecasts begin before"
        yield Caution("forecast_begins_early", message)
    yield from _of_intervals(told, level)
    filled = sum(len(one.series.values) - one.periods for one in told)
    if filled:
        yield Caution("periods_imputed", f"{filled} periods with too few sales lie between their neighbours")


def _of_intervals(told: Sequence[Forecast], level: float) -> Iterator[Caution]:
    bare = sum(one.table["interval_level"].null_count() for one in told)
    if bare:
        least = min(one.needs for one in told)
        message = f"{bare} forecasts have no interval: to judge one so far ahead takes that many periods after the first {least}"
        yield Caution("interval_unavailable", message)
    short = sum(int((one.table["interval_level"] < level).sum()) for one in told)
    if short:
        message = f"{short} forecasts have too few past ones for intervals of {100 * level:g}%; `interval_level` says how sure theirs are"
        yield Caution("interval_less_sure", message)
