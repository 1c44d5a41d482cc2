"""Values as people read them: instants, durations, amounts, labels."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson

NOTHING: Final = "\N{EN DASH}"
MONEY: Final = (
    "price",
    "price_usd",
    "usd",
    "dollar_volume",
    "price_per_sqft",
    "value",
    "p10",
    "p25",
    "p50",
    "p75",
    "p90",
)
CHANGES: Final = ("mom", "yoy", "change", "growth", "gain")
SHARES: Final = ("share", "turnover", "confidence_level")
PERCENTAGES: Final = ("pct",)
UNITLESS: Final = ("z_", "mean_log_", "sd_log_")
"""How the names of standard scores and of logs begin: of a price they are no dollars."""
POINTS: Final = ("pct_points",)
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
    "p25": "25th percentile",
    "p75": "75th percentile",
    "ci": "interval",
    "sqft": "sq ft",
    "n": "Number",
}
WAITS: Final = {
    "paused": "Its county or its type is paused.",
    "run_after": "Waiting for its time.",
    "county_limit": "Waiting for another job of its county to end.",
    "slots": "Waiting for a free slot.",
}
MOST_FACTS: Final = 80


def group_of(row: Mapping[str, Any]) -> str:
    """Name the group of a row, and its price tier where it is one of several."""
    name = str(row.get("group", "all"))
    return f"{name}, tier {row['tier']}" if row.get("tier") else name


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


def dollars(value: float) -> str:
    """Write an amount in whole dollars."""
    return f"-${-value:,.0f}" if value < 0 else f"${value:,.0f}"


def label(name: str) -> str:
    """Make a column's or field's name readable."""
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


def _number(value: float, name: str) -> str:
    if name.startswith(UNITLESS):
        return f"{value:.2f}"
    if _ends(name, MONEY) or name.startswith("median_ci"):
        return dollars(value)
    for endings, form in ((CHANGES, "+.1%"), (SHARES, ".1%")):
        if _ends(name, endings):
            return format(value, form)
    tenths = round(value, 1) + 0.0  # what rounds to nothing has no minus
    if _ends(name, PERCENTAGES):
        return f"{tenths:+.1f}%" if "change" in name or "_ci_" in name else f"{tenths:.1f}%"
    if _ends(name, POINTS):
        return f"{tenths:+.1f} points"
    return f"{value:.1f}" if name.startswith("index") else _plain(value, name)


def _plain(value: float, name: str) -> str:
    if isinstance(value, int):
        return str(value) if name.endswith("year") else f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def bounds(name: str, names: Container[str]) -> tuple[str, str] | None:
    """Name the fields that hold the ends of an estimate's interval; None where it has none."""
    named = ENDS.get(name)
    if named and all(end in names for end in named):
        return named
    stem, unit = (name.removesuffix("_pct"), "_pct") if name.endswith("_pct") else (name, "")
    for root in (stem, stem.removesuffix("_change"), stem.removesuffix("_price")):
        low, high = f"{root}_ci_low{unit}", f"{root}_ci_high{unit}"
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


def _ends(name: str, endings: Sequence[str]) -> bool:
    return any(name == ending or name.endswith(f"_{ending}") for ending in endings)


def is_table(value: Any) -> bool:
    """Say whether a value is a list of rows."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def indented(value: Any) -> str:
    """Write a value as JSON on many lines."""
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def facts(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Flatten nested values into labelled lines, at most `MOST_FACTS`."""
    return [pair for pair, _ in zip(_facts(values, ()), range(MOST_FACTS), strict=False)]


def _facts(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        here = (*path, label(str(name)))
        if isinstance(value, Mapping) and value:
            yield from _facts(value, here)
        else:
            yield ": ".join(here), figure(value, str(name))


def day(value: date | None) -> str:
    """Write a date."""
    return NOTHING if value is None else value.isoformat()


def waits(reason: str) -> str:
    """Say why a job waits."""
    return WAITS[reason]
