"""`compare`: what changed between two results."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from terrafusion.cli.arguments import Id
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, emit, stdout
from terrafusion.cli.tables import number
from terrafusion.wording import other_bases

ROWS: Final = 12
SHORT: Final = 12

Body = Mapping[str, Any]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


def compare(first: Id, second: Id, *, json: Json = False) -> None:
    """Tell what changed from one result to another.

    Data version, parameters, figures, trends, warnings. Both jobs must be COMPLETED and of one type.
    """
    told = asyncio.run(_compared(first, second))
    if json:
        emit(told)
    else:
        stdout.print(comparison(told), highlight=False)


async def _compared(*jobs: UUID) -> dict[str, Any]:
    from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415 - slow to import, as the next
    from terrafusion.cli.view import view_of  # noqa: PLC0415
    from terrafusion.usecases import comparing  # noqa: PLC0415

    settings = read_settings()
    view, catalogue = view_of(settings), load_catalogue(settings.modules)
    bodies = await asyncio.gather(*(view.get("results", str(job)) for job in jobs))
    first, second = [await asyncio.to_thread(_whole, body, settings.results) for body in bodies]
    return comparing.compare(comparing.with_defaults(first, catalogue), comparing.with_defaults(second, catalogue))


def _whole(job: Body, results_url: str) -> Body:
    """Take all points of a trend from the result file where the document holds some; raises Unavailable, NotFound."""
    from terrafusion.adapters.objects import Objects  # noqa: PLC0415 - slow to import, as the next
    from terrafusion.analysis.document import TRENDS_TOTAL, all_trends  # noqa: PLC0415

    result = job["result"]
    if result is None or TRENDS_TOTAL not in result["result_summary"]:
        return job
    parquet = Objects(results_url).get(result["result_data_location"])
    return {**job, "result": {**result, "trends": all_trends(parquet, result)}}


def comparison(told: Body) -> RenderableType:
    """Return what a person wants to read of a comparison."""
    return Group(*_jobs(told["jobs"]), *_verdict(told), *_parts(told))


def _jobs(jobs: Sequence[Body]) -> Iterator[RenderableType]:
    for place, job in zip(("first", "second"), jobs, strict=True):
        asked = f"{job['analysis_type']} {job['county_id']}"
        yield Text(f"{place:<8}{job['job_id']}  {asked}  data {str(job['data_version'])[:SHORT]}")


def _verdict(told: Body) -> Iterator[RenderableType]:
    if told["same_answer"]:
        yield Text("The answers are the same.", "bold")
    yield Text("The data are the same." if told["same_data"] else "The data have changed.", "bold")


def _parts(told: Body) -> Iterator[RenderableType]:
    figures = [figure for figure in told["figures"] if figure["first"] != figure["second"]]
    yield from _table("Parameters", told["parameters"])
    yield from _table("Figures", figures)
    if figures and len(figures) < len(told["figures"]):
        yield Text(f"{len(told['figures']) - len(figures)} figures are the same.", "dim")
    yield from _statements(told["statements"])
    yield from _rows("Trends", told["trends"])
    yield from _rows("Rows", told["rows"])
    yield from _table("Data quality", told["data_quality"])
    for place in ("first", "second"):
        for warning in told["warnings"][f"only_{place}"]:
            yield Text(f"Only the {place} warns: {warning['message']}", "yellow")


def _table(title: str, changes: Sequence[Body]) -> Iterator[RenderableType]:
    if changes:
        table = _begun(title, "")
        for change in changes:
            table.add_row(_words(change["name"]), *_change(change))
        yield table


def _statements(changes: Sequence[Body]) -> Iterator[RenderableType]:
    for change in changes:
        yield Text(f"\n{_words(change['name'])}", "bold")
        yield Text(f"first:  {number(change['first'])}")
        yield Text(f"second: {number(change['second'])}")


def _rows(title: str, told: Body) -> Iterator[RenderableType]:
    """Tell the rows that changed, those by the most first, one figure of each."""
    from terrafusion.usecases.comparing import most_changed  # noqa: PLC0415 - slow to import

    changed = most_changed(told["changed"])
    if changed:
        table = _begun(f"{title}: {len(changed):,} of {told['matched']:,} changed", "", "")
        for row, change in changed[:ROWS]:
            keys = [str(value) for name, value in row.items() if name != "figures"]
            table.add_row(" ".join(keys), _words(change["name"]), *_change(change))
        yield table
    if len(changed) > ROWS:
        yield Text(f"{len(changed) - ROWS:,} more that changed by less are told with --json.", "dim")
    for place in ("first", "second"):
        if alone := told[f"only_{place}"]:
            yield Text(f"{title}: {len(alone):,} only in the {place}.", "dim")
    if bases := other_bases(told["other_bases"]):
        yield Text(bases, "yellow")


def _begun(title: str, *names: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    for name in ("first", "second", "change", "%"):
        table.add_column(name, justify="right", overflow="fold", header_style="dim")
    return table


def _change(change: Body) -> tuple[str, str, str, str]:
    percent = "" if change["percent"] is None else f"{change['percent']:+.1f}"
    difference = "" if change["difference"] is None else number(change["difference"])
    return number(change["first"]), number(change["second"]), difference, percent


def _words(name: str) -> str:
    return name.replace("_", " ")
