"""An index: its line with its interval, all methods side by side where they were asked for, and every group's change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.lines import Series, Strip, over_time, series_of
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number, plain
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results.groups import Compared, Group, choose, compare, grouped
from terrafusion.web.results.view import Note, Result, Row, Section, View, picture, rows_in, sections, table
from terrafusion.wording import change

BESIDE: Final = "index_"
POINTS: Final = ("period", "index", "ci_low", "ci_high", "observations", "standard_error", "imputed", "thin")
METHODS: Final = (
    "method",
    "change_pct",
    "ci_low_pct",
    "ci_high_pct",
    "difference_pct_points",
    "used",
    "volatility_mean",
    "revision_mean",
    "revision_median",
    "revision_abs_mean",
    "revisions",
)
RAW: Final = "raw median"


def words_of(method: str) -> str:
    """Write the name of a method as words."""
    return method.replace("_", " ")


def _sections(result: Result) -> Sequence[Section]:
    group = choose(result, result.rows, anchor="index", size="observations")
    return sections(None if group is None else _index(group), _methods(result), _groups(result))


def _index(group: Group) -> Section:
    method = str(group.rows[0].get("method", "index"))
    own = series_of(group.rows, "index", kind="c0", says=words_of(method), ends=("ci_low", "ci_high"))
    names = [name for name in group.rows[0] if name.startswith(BESIDE) and name != f"{BESIDE}{method}"]
    lines = [own, *_others(group, names)]
    told = "others at its level where both begin" if names else "with its interval"
    volume = series_of(group.rows, "observations", kind="soft", says="Observations")
    drawing = over_time(
        f"Index of {group.title}",
        [
            Strip(title=f"Index, 100 at the start, {told}", series=lines, words=plain, height=230, level=100),
            Strip(title="Observations", series=[volume], height=60, as_columns=True, unit=" observations"),
        ],
    )
    columns = [*POINTS, *names, "disagreement_pct"]
    points = table(f"Index of {group.title}", group.rows[::-1], columns, folded=drawing is not None)
    imputed = sum(bool(row.get("imputed")) for row in group.rows)
    note = [
        Note(
            f"{imputed} of {len(group.rows)} periods have no estimate of their own; they lie between their neighbours."
        )
    ]
    parts = [*picture(drawing, points), *(note if imputed else [])]
    return Section(id="index", title=f"Index of {group.title}", parts=parts, choices=group.choices)


def _others(group: Group, names: Sequence[str]) -> Sequence[Series]:
    return [
        series_of(group.rows, name, kind=f"c{place}", says=words_of(name.removeprefix(BESIDE)))
        for place, name in enumerate(names, start=1)
    ]


def _methods(result: Result) -> Section:
    """Put the methods' changes side by side, and how far each moves from period to period and when it is revised."""
    told = rows_in(result.summary.get("comparison"))
    rows = [_estimate(words_of(str(row.get("method"))), row, "change_pct", "ci_low_pct", "ci_high_pct") for row in told]
    ends = ("raw_change_pct", "raw_change_ci_low_pct", "raw_change_ci_high_pct")
    rows += [_estimate(RAW, result.summary, *ends)] if rows else []
    span = f"{result.summary.get('first_period')} to {result.summary.get('last_period')}"
    legend = [Key("dot c0", "Change"), Key("whisker c0", "its interval")]
    drawing = forest(f"Change from {span}, by method", rows, Look(words=change, legend=legend))
    note = "Volatility is the mean size of the change from one period to the next; a revision is how far an index moves when later sales arrive."
    return Section(
        id="methods", title="Methods side by side", parts=picture(drawing, table("Methods", told, METHODS), note=note)
    )


def _estimate(name: str, row: Row, value: str, low: str, high: str) -> Estimate:
    return Estimate(name=name, value=number(row.get(value)), low=number(row.get(low)), high=number(row.get(high)))


def _groups(result: Result) -> Section:
    last = [_last(rows) for rows in grouped(result.rows).values()]
    told = Compared(
        name="index",
        says="Index at the end, 100 at the start",
        words=plain,
        low="ci_low",
        high="ci_high",
        size="observations",
    )
    parts = compare(result, last, told, ("group", "period", "index", "ci_low", "ci_high", "observations"))
    return Section(id="groups", title="Groups side by side", parts=parts)


def _last(rows: Sequence[Row]) -> Row:
    """Return the last period that has an index, with the observations of all."""
    there = [row for row in rows if number(row.get("index")) is not None]
    seen = sum(int(number(row.get("observations")) or 0) for row in rows)
    return {**(there[-1] if there else rows[-1]), "observations": seen}


VIEW: Final = View(
    headline=(
        "constant_quality_change_pct",
        "raw_change_pct",
        "difference_pct_points",
        "disagreement_pct_points",
        "pairs_used",
        "sales_used",
        "volatility_mean",
        "revision_abs_mean",
    ),
    sections=_sections,
)
