"""One of many groups: chosen by the reader, else the largest; and all of them side by side, in a list and on a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from terrafusion.errors import NotFound
from terrafusion.web.charts.map import Area, map_of, shades
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import Words, number
from terrafusion.web.charts.shapes import Drawing, Key
from terrafusion.web.results.view import Choice, Choices, Part, Result, Row, Rows, picture, table
from terrafusion.wording import group_of

MOST_CHOICES: Final = 12
MOST_LISTED: Final = 300
MOST_COMPARED: Final = 40
SHADES: Final = 5
WHOLE: Final = "all"


@dataclass(frozen=True, slots=True)
class Group:
    """The group that is looked at, its rows, and how to look at others."""

    name: str
    rows: Rows
    choices: Choices | None

    @property
    def title(self) -> str:
        """What the group is called in a sentence."""
        return "all sales" if self.name == WHOLE else self.name


def grouped(rows: Rows) -> Mapping[str, Rows]:
    """Part rows by group, each in order of time."""
    ordered = sorted(rows, key=lambda row: (group_of(row), str(row.get("period_start", ""))))
    return {name: list(part) for name, part in groupby(ordered, key=group_of)}


def choose(result: Result, rows: Rows, *, anchor: str, size: str) -> Group | None:
    """Return the group asked for, else that with most in the column ``size``; None without rows. Raises NotFound."""
    by_group = grouped(rows)
    if not by_group:
        return None
    sizes = {name: sum(number(row.get(size)) or 0 for row in part) for name, part in by_group.items()}
    names = sorted(by_group, key=lambda name: (-sizes[name], name))
    chosen = names[0] if result.chosen.group is None else result.chosen.group
    if chosen not in by_group:
        raise _without(chosen[:100], cut="trends_total" in result.summary)
    return Group(
        chosen, by_group[chosen], choices("Groups", names, chosen, lambda name: result.link(anchor, group=name))
    )


def choices(title: str, names: Sequence[str], chosen: str, link: Callable[[str], str]) -> Choices | None:
    """Lay out what may be chosen, the most important first; None where there is one."""
    if len(names) < 2:  # noqa: PLR2004
        return None
    made = [Choice(name, link(name), name == chosen) for name in names[:MOST_LISTED]]
    return Choices(
        title=title,
        largest=made[:MOST_CHOICES],
        others=sorted(made[MOST_CHOICES:], key=lambda choice: choice.name),
        unlisted=max(0, len(names) - MOST_LISTED),
    )


def _without(group: str, *, cut: bool) -> NotFound:
    """Refuse a group; where the document is ``cut`` it may be one whose points are in the file alone."""
    if not cut:
        return NotFound(f"the result has no group {group!r}", field="group", value=group)
    message = f"the document holds no points of group {group!r}, but those of the groups with the most sales; the file holds all"
    return NotFound(message, field="group", value=group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure of every group: its column and its interval's, what it is, and how it is written."""

    name: str
    says: str
    words: Words
    low: str = ""
    high: str = ""
    beside: str = ""
    beside_says: str = ""
    size: str = ""
    """The column by which the largest groups are shown where there are too many."""
    zone: tuple[float, float] | None = None
    zone_says: str = ""


def compare(result: Result, rows: Rows, told: Compared, columns: Sequence[str]) -> list[Part]:
    """Show a figure of every group on a map and in a list, with a table; nothing where there are no two groups."""
    known = [row for row in rows if number(row.get(told.name)) is not None]
    if len(known) < 2:  # noqa: PLR2004
        return []
    largest = sorted(known, key=lambda row: (-(number(row.get(told.size)) or 0), group_of(row)))[:MOST_COMPARED]
    ranked = sorted(largest, key=lambda row: (-(number(row.get(told.name)) or 0), group_of(row)))
    note = "" if len(known) == len(ranked) else f"The {len(ranked)} largest of {len(known)} groups are drawn."
    drawn = forest(f"{told.says}, by group", [_estimate(row, told) for row in ranked], _look(told))
    values = {group_of(row): number(row.get(told.name)) or 0.0 for row in known}
    return [
        *picture(shaded_map(result, told.says, values, told.words)),
        *picture(drawn, table(f"{told.says}, by group", rows, columns, folded=True), note=note),
    ]


def _estimate(row: Row, told: Compared) -> Estimate:
    low, high, beside = (number(row.get(name)) if name else None for name in (told.low, told.high, told.beside))
    return Estimate(name=group_of(row), value=number(row.get(told.name)), low=low, high=high, beside=beside)


def _look(told: Compared) -> Look:
    legend = [Key("dot c0", told.says)]
    legend += [Key("whisker c0", "its interval")] if told.low else []
    legend += [Key("dot beside", told.beside_says)] if told.beside else []
    legend += [Key("zone ok", told.zone_says)] if told.zone else []
    return Look(words=told.words, zone=told.zone, legend=legend)


def shaded_map(result: Result, title: str, values: Mapping[str, float], words: Words) -> Drawing | None:
    """Shade each area of the result's map by its value, a fifth of them in each shade; None without a map of them."""
    areas = areas_of(result)
    there = {name: value for name, value in values.items() if name in areas}
    if len(there) < 2:  # noqa: PLR2004
        return None
    shade = shades(there, steps=SHADES)
    drawn = [
        Area(name, cells, f"s{shade[name]}" if name in shade else "blank", _text(name, there, words))
        for name, cells in areas.items()
    ]
    return map_of(title, drawn, legend=_shade_keys(there, shade, words), about=f"{title}, by area. North is up.")


def _text(name: str, values: Mapping[str, float], words: Words) -> str:
    return f"{name}: {words(values[name])}" if name in values else f"{name}: no figure"


def _shade_keys(values: Mapping[str, float], shade: Mapping[str, int], words: Words) -> Sequence[Key]:
    keys = []
    for step in sorted(set(shade.values())):
        inside = [values[name] for name in shade if shade[name] == step]
        low, high = words(min(inside)), words(max(inside))
        keys.append(Key(f"area s{step}", low if low == high else f"{low} to {high}"))
    return keys


def areas_of(result: Result) -> Mapping[str, Sequence[tuple[int, int]]]:
    """Return the cells of each area of the result's map; none where it has no map."""
    found: Any = result.pictures.get("map")
    areas = found.get("areas") if isinstance(found, Mapping) else None
    if not isinstance(areas, Mapping):
        return {}
    return {str(name): [(int(cell[0]), int(cell[1])) for cell in cells] for name, cells in areas.items() if cells}
