"""`analyze`: the same analysis as a job's, in this process, on files, without any service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from terrafusion.cli.arguments import Type
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, emit, stdout
from terrafusion.cli.parameters import Parameters
from terrafusion.cli.report import number

TRENDS_SHOWN: Final = 24
COLUMNS: Final = ("group", "period", "sales_volume", "median_price", "median_ci_low", "median_ci_high", "mom", "yoy")

Sales = Annotated[
    Path, typer.Option("--sales", metavar="FILE", help="Parquet or CSV of recorded sales; repeated rows are all kept.")
]
Properties = Annotated[
    Path | None, typer.Option("--properties", metavar="FILE", help="Parquet or CSV of the county's parcels.")
]
CountyName = Annotated[str, typer.Option("--county", help="What to call the county.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", file_okay=False, help="Write the result's files there.")
]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyze)


def analyze(
    type_: Type,
    sales: Sales,
    *,
    properties: Properties = None,
    params: Parameters = "{}",
    county: CountyName = "file",
    out: Out = None,
    json: Json = False,
) -> None:
    """Run an analysis on files, without any service.

    Prints the document that a job would have.
    """
    from terrafusion.cli.analyzing import Question, answer  # noqa: PLC0415 - analyses are slow to import

    question = Question(analysis_type=type_, sales=sales, properties=properties, parameters=params, county=county)
    document = answer(question, out, read_settings())
    if json:
        emit(document)
    else:
        _show(document)


def _show(document: Mapping[str, Any]) -> None:
    result = document["result"]
    files = {"Sales": document["file"], "Properties": document["properties_file"]}
    summary = result["result_summary"]
    stdout.print(summary.get("key_finding", document["analysis_type"]), style="bold", highlight=False)
    stdout.print(_figures(summary))
    if result["trends"]:
        stdout.print(_trends(result["trends"]))
    for what, file in files.items():
        if file:
            stdout.print(f"{what}: rows read {file['read']:,}, rejected {file['rejected']:,}", highlight=False)
    cautions = [caution for file in files.values() if file for caution in file["warnings"]]
    for caution in (*cautions, *result["warnings"]):
        stdout.print(f"{caution['code']}: {caution['message']}", style="yellow", highlight=False)
    if result["result_data_location"]:
        stdout.print(f"Written: {result['result_data_location']}", highlight=False)


def _figures(summary: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary.items():
        if name != "key_finding" and not isinstance(value, Mapping | list):
            table.add_row(name.replace("_", " "), number(value))
    return table


def _trends(trends: Sequence[Mapping[str, Any]]) -> Table:
    title = f"The last {min(TRENDS_SHOWN, len(trends)):,} of {len(trends):,} points"
    table = Table(title=title, title_justify="left", box=None)
    shown = [column for column in COLUMNS if column in trends[0]]
    for column in shown:
        table.add_column(column.replace("_", " "), justify="left" if column in ("group", "period") else "right")
    for point in trends[-TRENDS_SHOWN:]:
        table.add_row(*(number(point[column]) for column in shown))
    return table
