"""Values as people read them: instants, durations, amounts, labels."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson

BILLION: Final = 1e9
NOTHING: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Unit:
    """How numbers are written whose field's name begins or ends so."""

    write: Callable[[float], str]
    ends: Sequence[str] = ()
    begins: Sequence[str] = ()
    points: float = 0.0
    """How many points one of it is; 0 for what is not told in per cent."""

    def is_of(self, name: str) -> bool:
        """Say whether a field of that name is in this unit."""
        return name.startswith(tuple(self.begins)) or any(name == end or name.endswith(f"_{end}") for end in self.ends)


def dollars(value: float) -> str:
    """Write an amount in whole dollars, one of billions in hundredths of them."""
    if abs(value) >= BILLION:
        return f"{'-' if value < 0 else ''}${abs(value) / BILLION:,.2f} billion"
    return f"-${-value:,.0f}" if value < 0 else f"${value:,.0f}"


def per_cent(value: float) -> str:
    """Write what is in per cent to a tenth."""
    return f"{_tenths(value):.1f}%"


def change(value: float) -> str:
    """Write a change in per cent, its sign always told."""
    return f"{_tenths(value):+.1f}%"


def level(value: float) -> str:
    """Write how sure an interval is: 95%, 99.9%, 66.7%."""
    return f"{_tenths(value * 100):g}%"


def _tenths(value: float) -> float:
    return round(value, 1) + 0.0  # what rounds to nothing has no minus


def _probability(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.001 else "below 0.001"  # noqa: PLR2004


def _points(value: float) -> str:
    return f"{_tenths(value):+.1f} points"


MONEY: Final = (
    "price",
    "usd",
    "dollar_volume",
    "price_per_sqft",
    "price_per_sqft_iqr",
    "estimated_value",
    "model_value",
    "comparables_value",
    "value_low",
    "value_high",
    "p10",
    "p25",
    "p50",
    "p75",
    "p90",
)
SIGNED: Final = (
    "change_pct",
    "ci_low_pct",
    "ci_high_pct",
    "pct_ci_low",
    "pct_ci_high",
    "level_pct",
    "growth_pct_a_year",
    "largest_to_smallest_pct",
)
"""Changes and distances in per cent: up or down matters."""
UNITS: Final = (
    Unit("{:.2f}".format, begins=("z_", "mean_log_", "sd_log_")),
    Unit("{:,.0f}".format, ends=("sales",)),
    Unit(lambda value: f"{_tenths(value):.1f}", begins=("index",)),
    Unit(dollars, ends=MONEY, begins=("median_ci",)),
    Unit("{:+.1%}".format, ends=("mom", "yoy", "change", "growth", "gain"), points=100),
    Unit("{:.1%}".format, ends=("share", "turnover", "share_sold", "fsd"), points=100),
    Unit(level, ends=("confidence_level", "interval_level"), points=100),
    Unit(change, ends=SIGNED, points=1),
    Unit(per_cent, ends=("pct", "pct_a_year", "mdape", "mape", "coverage"), points=1),
    Unit(_points, ends=("pct_points",), points=1),
    Unit(_probability, ends=("p",)),
    Unit(str, ends=("roll_year", "sale_year", "year_built")),
)
"""The first that a name belongs to is its unit; ends of intervals are written as their estimates are."""
LABELS: Final = {
    "within_10_pct": "Within 10%",
    "price_per_sqft_n": "Sales with an area",
    "growth_pct_a_year": "Growth a year",
    "county_growth_pct_a_year": "County growth a year",
    "n": "Number",
    "moran_i": "Moran's I",
    "mean_mape": "Mean error of past forecasts",
    "mean_naive_mape": "Mean error of the last value carried on",
    "data_points_analyzed": "Sales used",
    "interval_level": "Prediction interval",
}
"""Names whose words do not tell it."""
ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "index": ("ci_low", "ci_high"),
    "factor": ("ci_low", "ci_high"),
    "change_pct": ("ci_low_pct", "ci_high_pct"),
    "estimated_value": ("value_low", "value_high"),
}
"""Estimates whose interval is not named after them."""
ABBREVIATIONS: Final = {
    "mom": "On the period before",
    "yoy": "On the year before",
    "p10": "10th percentile",
    "p25": "25th percentile",
    "p50": "Median",
    "p75": "75th percentile",
    "p90": "90th percentile",
    "ci": "interval",
    "sqft": "sq ft",
    "mdape": "median error",
    "mape": "mean error",
    "fsd": "forecast deviation",
    "zip": "ZIP",
    "gini": "Gini",
    **{name: name.upper() for name in ("cod", "cov", "prd", "prb", "mki", "ki", "vei")},
}
WAITS: Final = {
    "paused": "Its county or its type is paused.",
    "run_after": "Waiting for its time.",
    "county_limit": "Waiting for another job of its county to end.",
    "slots": "Waiting for a free slot.",
}
MOST_FACTS: Final = 80
COUNTS: Final = ("Excluded", "Null counts")
"""What is told under these labels are numbers of sales, whatever each is called."""
LONGEST_LINE: Final = 120


def group_of(row: Mapping[str, Any]) -> str:
    """Name the group of a row, and its price tier where it is one of several."""
    name = str(row.get("group", "all"))
    return f"{name}, tier {row['tier']}" if row.get("tier") else name


def other_bases(told: Sequence[Mapping[str, str]]) -> str:
    """Say where the indices of two results are 100 in different periods; nothing where they are not."""
    if not told:
        return ""
    one, more = told[0], f" and {len(told) - 1:,} more" if len(told) > 1 else ""
    return (
        f"The index of {one['group']}{more} is 100 in {one['first']} in the first and in {one['second']} in the second: "
        "their difference is one of bases too, so compare changes between the same periods."
    )


def instant(value: datetime | None) -> str:
    """Write an instant in UTC, to the second."""
    return NOTHING if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(value: timedelta) -> str:
    """Write how long something took, in at most two units."""
    seconds = max(value.total_seconds(), 0.0)
    if round(seconds, 3) < 1:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ago(value: timedelta) -> str:
    """Write how long ago something was, in one unit."""
    seconds = value.total_seconds()
    if seconds < 1:
        return "just now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def label(name: str) -> str:
    """Make a column's or field's name readable."""
    if name in LABELS:
        return LABELS[name]
    stem = name.removesuffix("_pct_points").removesuffix("_pct")
    words = " ".join(ABBREVIATIONS.get(word, word) for word in stem.split("_"))
    return words[:1].upper() + words[1:]


def figure(value: Any, name: str = "") -> str:
    """Write a value by what its field's name says it is: dollars, a change in percent, a count, a text."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, name)
    return _several(value) if isinstance(value, Mapping | list | tuple) else str(value)


def _several(values: Mapping[str, Any] | Sequence[Any]) -> str:
    if not values:
        return "none"
    if isinstance(values, Mapping) or any(isinstance(value, Mapping | list | tuple) for value in values):
        return orjson.dumps(values, default=str).decode()
    return ", ".join(figure(value) for value in values)


def difference(value: float, name: str) -> str:
    """Write how much more one of two values of a field is, its sign told; between two in per cent there are points."""
    unit = _unit(name)
    if unit and unit.points:
        return _points(value * unit.points)
    written = f"{value:+.3f}" if unit and unit.write is _probability else _number(value, name)
    if not set(written) & set("123456789"):
        return written.lstrip("+-")
    return written if value <= 0 or written.startswith("+") else f"+{written}"


def _unit(name: str) -> Unit | None:
    return next((unit for unit in UNITS if unit.is_of(name)), None)


def _number(value: float, name: str) -> str:
    unit = _unit(name)
    return _plain(value) if unit is None else unit.write(value)


def _plain(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def bounds(name: str, names: Container[str]) -> tuple[str, str] | None:
    """Name the fields that hold the ends of an estimate's interval; None where it has none."""
    named = ENDS.get(name)
    if named and all(end in names for end in named):
        return named
    stem, unit = (name.removesuffix("_pct"), "_pct") if name.endswith("_pct") else (name, "")
    for root, end in (
        (stem, unit),
        (name, ""),
        (stem.removesuffix("_change"), unit),
        (stem.removesuffix("_price"), unit),
    ):
        low, high = f"{root}_ci_low{end}", f"{root}_ci_high{end}"
        if low in names and high in names:
            return low, high
    return None


def estimates(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and interval ("" without one) of each field of ``names``; ends stand with their estimate."""
    chosen = list(names)
    pairs = {name: bounds(name, chosen) for name in chosen}
    ends = {end for pair in pairs.values() if pair for end in pair}
    for name in chosen:
        if name not in ends:
            yield name, figure(values.get(name), name), _interval(values, name, pairs[name])


def _interval(values: Mapping[str, Any], name: str, pair: tuple[str, str] | None) -> str:
    """Write the ends as the estimate is written: a median ratio's are no dollars."""
    if pair is None or any(values.get(end) is None for end in pair):
        return ""
    return " to ".join(figure(values[end], name) for end in pair)


def is_table(value: Any) -> bool:
    """Say whether a value is a list of rows."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def indented(value: Any) -> str:
    """Write a value as JSON on many lines."""
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def compact(value: Any) -> str:
    """Write a value as JSON on one line, the long cut."""
    text = orjson.dumps(value or {}, default=str).decode()
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def facts(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Flatten nested values into labelled lines, at most `MOST_FACTS`."""
    return [pair for pair, _ in zip(_facts(values, ()), range(MOST_FACTS), strict=False)]


def _facts(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        here = (*path, label(str(name)))
        if isinstance(value, Mapping) and value:
            yield from _facts(value, here)
        else:
            yield ": ".join(here), figure(value, "" if path[:1] and path[0] in COUNTS else str(name))


def day(value: date | None) -> str:
    """Write a date."""
    return NOTHING if value is None else value.isoformat()


def waits(reason: str) -> str:
    """Say why a job waits."""
    return WAITS[reason]
