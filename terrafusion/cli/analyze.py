"""`analyze`: the same analysis as a job's, in this process, on a file, without any service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.table import Table

from terrafusion.analysis.api import CountyProfile
from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.document import Rendered, render
from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.data import check_county, write_rejected
from terrafusion.cli.output import Json, emit, stderr, stdout
from terrafusion.cli.parameters import Parameters, read_parameters
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.files import refuse
from terrafusion.ingest.sales import SalesFile, read_sales
from terrafusion.ingest.snapshot import encode, records

TRENDS_SHOWN: Final = 24
WHOLE_FROM: Final = 1000
COLUMNS: Final = ("group", "period", "sales_volume", "median_price", "median_ci_low", "median_ci_high", "mom", "yoy")

Type = Annotated[str, typer.Argument(metavar="TYPE", help="A type of the catalogue.")]
Sales = Annotated[Path, typer.Option("--sales", help="Parquet or CSV; repeated rows are all kept.")]
CountyName = Annotated[str, typer.Option("--county", help="What to call the county.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the result's files there.")]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyze)


def analyze(
    type_: Type,
    sales: Sales,
    *,
    params: Parameters = "{}",
    county: CountyName = "file",
    out: Out = None,
    json: Json = False,
) -> None:
    """Run an analysis on a file, without any service.

    Prints the document that a job would have.
    """
    check_county(county)
    catalogue = load_catalogue(read_settings().modules)
    analysis, parameters = catalogue.get(type_), catalogue.check(type_, read_parameters(params))
    with stderr.status(f"Reading {sales.name}") as status:
        read = _read(sales)
        at_hand = records(county, encode(read.sales, CountyProfile()), CountyProfile())
        answer = analysis.compute(at_hand, parameters, lambda done, doing: status.update(f"{done:4.0%} {doing}"))
    rendered = render(answer)
    location = None if out is None else _write(out, analysis.name, rendered)
    document = {
        "analysis_type": analysis.name,
        "county_id": county,
        "parameters": canonical(parameters),
        "data_version": at_hand.data_version,
        "file": _reading(read),
        "result": rendered.document | {"result_data_location": location},
        "result_sha256": rendered.sha256,
    }
    if json:
        emit(document)
    else:
        _show(document)


def _read(path: Path) -> SalesFile:
    read = read_sales(path)
    told = write_rejected(path, read)
    if read.sales.is_empty():
        raise refuse(path, f"each of its {read.read:,} rows is rejected, see {told}", allowed="nothing is analysed")
    return read


def _write(folder: Path, name: str, rendered: Rendered) -> str | None:
    """Write the document and, where there are rows, the Parquet file; return the latter's location."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{name}.json", orjson.dumps(rendered.document))
        if rendered.parquet is None:
            return None
        return _replace(folder / f"{name}.parquet", rendered.parquet).absolute().as_uri()
    except OSError as error:
        message = f"--out is {folder}, where nothing can be written: {error.strerror}"
        raise InvalidRequest(message, field="out", value=str(folder), allowed="a folder") from error


def _replace(path: Path, data: bytes) -> Path:
    staged = path.with_name(f".{path.name}.writing")
    staged.write_bytes(data)
    return staged.replace(path)


def _reading(read: SalesFile) -> dict[str, Any]:
    return {
        "read": read.read,
        "rejected": read.rejected.height,
        "rejected_by_reason": read.reasons,
        "warnings": [asdict(caution) for caution in read.warnings],
    }


def _show(document: Mapping[str, Any]) -> None:
    result, file = document["result"], document["file"]
    summary = result["result_summary"]
    stdout.print(summary.get("key_finding", document["analysis_type"]), style="bold", highlight=False)
    stdout.print(_figures(summary))
    if result["trends"]:
        stdout.print(_trends(result["trends"]))
    stdout.print(f"Rows read {file['read']:,}, rejected {file['rejected']:,}", highlight=False)
    for caution in (*file["warnings"], *result["warnings"]):
        stdout.print(f"{caution['code']}: {caution['message']}", style="yellow", highlight=False)
    if result["result_data_location"]:
        stdout.print(f"Written: {result['result_data_location']}", highlight=False)


def _figures(summary: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    for name, value in summary.items():
        if name != "key_finding" and not isinstance(value, Mapping | list):
            table.add_row(name.replace("_", " "), _said(value))
    return table


def _trends(trends: Sequence[Mapping[str, Any]]) -> Table:
    title = f"The last {min(TRENDS_SHOWN, len(trends)):,} of {len(trends):,} points"
    table = Table(title=title, title_justify="left", box=None)
    shown = [column for column in COLUMNS if column in trends[0]]
    for column in shown:
        table.add_column(column.replace("_", " "), justify="left" if column in ("group", "period") else "right")
    for point in trends[-TRENDS_SHOWN:]:
        table.add_row(*(_said(point[column]) for column in shown))
    return table


def _said(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001 - a dash for what is not there
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
