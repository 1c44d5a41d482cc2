"""Coverage: which cells are thin, which fields are recorded, which records fail a check, and who is sold of the roll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from terrafusion.web.charts.bars import Bar, Part, bars
from terrafusion.web.charts.points import Estimate, Look, forest
from terrafusion.web.charts.scale import number
from terrafusion.web.charts.shapes import Key
from terrafusion.web.results import view
from terrafusion.web.results.groups import shaded_map
from terrafusion.web.results.view import Result, Row, Rows, Section, View, picture, rows_in, sections, table
from terrafusion.wording import figure, label, per_cent

MOST_GROUPS: Final = 40
CHECKS: Final = ("name", "measure", "n", "of", "value", "ci_low", "ci_high", "note")
SHARES: Final = ("name", "group", "measure", "n", "of", "value", "ci_low", "ci_high", "verdict", "note")


def _of(result: Result, section: str) -> Rows:
    return [row for row in result.rows if row.get("section") == section]


def _sections(result: Result) -> Sequence[Section]:
    return sections(
        Section(id="thin", title="Enough sales in each period?", parts=_thin(result)),
        Section(id="fields", title="What is recorded of sales", parts=_fields(result)),
        Section(id="checks", title="Records that fail a check", parts=_checks(result)),
        Section(id="roll", title="Do sold parcels represent the roll?", parts=_roll(result)),
        Section(id="chasing", title="Signs of sales chasing", parts=_listed(result, "sales_chasing")),
        Section(id="gaps", title="Long times without a sale", parts=_listed(result, "gaps")),
    )


def _listed(result: Result, section: str) -> list[view.Part]:
    rows = _of(result, section)
    return [table(label(section), rows, [name for name in rows[0] if name != "section"])] if rows else []


def _thin(result: Result) -> list[view.Part]:
    """Draw of each group how many of its periods have enough sales, few, hardly any, none."""
    groups: dict[str, dict[str, Row]] = {}
    for row in _of(result, "thin_cells"):
        groups.setdefault(str(row.get("group")), {})[str(row.get("measure"))] = row
    named = {name: told for name, told in groups.items() if name != "all" or len(groups) == 1}
    drawn = [_months(name, told) for name, told in sorted(named.items())[:MOST_GROUPS]]
    legend = [
        Key("bar enough", "30 sales or more"),
        Key("bar few", "10 to 29"),
        Key("bar hardly", "fewer than 10"),
        Key("bar none", "none"),
    ]
    period = result.summary.get("period", "period")
    title = f"{label(str(period))}s of each group by how many sales they have"
    shares = {name: _share(told, "fewer_than_30") for name, told in named.items()}
    maps = shaded_map(result, f"{label(str(period))}s with fewer than 30 sales", shares, per_cent)
    note = "" if len(named) <= MOST_GROUPS else f"The first {MOST_GROUPS} of {len(named)} groups are drawn."
    listed = table("Thin cells", _of(result, "thin_cells"), ("group", "measure", "n", "of", "value"), folded=True)
    return [*picture(bars(title, drawn, legend=legend), listed, note=note), *picture(maps)]


def _count(told: dict[str, Row], measure: str) -> int:
    return int(number(told.get(measure, {}).get("n")) or 0)


def _share(told: dict[str, Row], measure: str) -> float:
    return 100 * _count(told, measure) / max(int(number(told.get(measure, {}).get("of")) or 0), 1)


def _months(name: str, told: dict[str, Row]) -> Bar:
    whole = int(number(told.get("no_sale", {}).get("of")) or 0)
    thin, few, none = (_count(told, measure) for measure in ("fewer_than_30", "fewer_than_10", "no_sale"))
    parts = [
        Part("enough", whole - thin - none, f"{name}: {whole - thin - none} with 30 sales or more"),
        Part("few", thin - few, f"{name}: {thin - few} with 10 to 29"),
        Part("hardly", few, f"{name}: {few} with fewer than 10"),
        Part("none", none, f"{name}: {none} with none"),
    ]
    return Bar(
        name, [Part(part.kind, max(part.value, 0), part.text) for part in parts], f"{whole - thin - none} of {whole}"
    )


def _fields(result: Result) -> list[view.Part]:
    """Draw of each field in what share of the sales it is known."""
    rows = _of(result, "fields")
    drawn = [_field(row) for row in rows]
    drawing = bars("Share of sales in which each field is recorded, per cent", drawn)
    return picture(drawing, table("Fields", rows, SHARES, folded=True))


def _field(row: Row) -> Bar:
    known, of = number(row.get("n")) or 0, number(row.get("of")) or 0
    share = 100 * known / of if of else 0.0
    return Bar(
        label(str(row.get("name"))), [Part("c0", share, f"{row.get('name')}: {per_cent(share)}")], per_cent(share)
    )


def _checks(result: Result) -> list[view.Part]:
    failed = rows_in(result.summary.get("checks_failed"))
    run = _of(result, "checks")
    told = [table("Checks that records fail", failed, CHECKS)] if failed else []
    return [*told, *([table("All checks", run, CHECKS, folded=True)] if run else [])]


def _roll(result: Result) -> list[view.Part]:
    """Draw how far sold parcels differ from those that did not sell, and which share of each group did."""
    differ = rows_in(result.summary.get("sold_against_unsold"))
    marks = [
        Estimate(
            name=label(str(row.get("name"))),
            value=number(row.get("value")),
            low=number(row.get("ci_low")),
            high=number(row.get("ci_high")),
        )
        for row in differ
    ]
    legend = [Key("dot c0", "Sold less unsold"), Key("whisker c0", "its interval")]
    drawing = forest("Sold parcels against unsold ones", marks, Look(legend=legend))
    shares = _of(result, "sold_share")
    sold = [_share_sold(row) for row in shares[:MOST_GROUPS]]
    legend = [Key("dot c0", "Share of parcels that sold"), Key("whisker c0", "its interval")]
    drawn = forest("Share of parcels sold, by group", sold, Look(words="{:.1%}".format, legend=legend))
    return [
        *picture(drawing, table("Sold against unsold", differ) if differ else None),
        *picture(drawn, table("Share sold", shares, SHARES, folded=True) if shares else None),
        *([table("The roll", _of(result, "roll"), SHARES)] if _of(result, "roll") else []),
    ]


def _share_sold(row: Row) -> Estimate:
    return Estimate(
        name=figure(row.get("group")),
        value=number(row.get("value")),
        low=number(row.get("ci_low")),
        high=number(row.get("ci_high")),
    )


VIEW: Final = View(
    headline=("cells", "thin_cells", "thin_cell_share", "parcels_on_roll", "share_sold", "longest_gap_days"),
    sections=_sections,
)
