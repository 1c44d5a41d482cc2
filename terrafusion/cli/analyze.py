"""`analyze`: the same analysis as a job's, in this process, on files, without any service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from terrafusion.cli.arguments import Type
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, emit, stdout
from terrafusion.cli.parameters import Parameters
from terrafusion.cli.report import facts, provenance

Sales = Annotated[
    Path, typer.Option("--sales", metavar="FILE", help="Parquet or CSV of recorded sales; repeated rows are all kept.")
]
Properties = Annotated[
    Path | None, typer.Option("--properties", metavar="FILE", help="Parquet or CSV of the county's parcels.")
]
Listings = Annotated[
    Path | None, typer.Option("--listings", metavar="FILE", help="Parquet or CSV of times on the market.")
]
Profile = Annotated[
    Path | None, typer.Option("--profile", metavar="FILE", help="TOML or JSON: the county's profile, as `county set`.")
]
CountyName = Annotated[
    str | None, typer.Option("--county", help="What to call the county; default: as the profile says, else `file`.")
]
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
    listings: Listings = None,
    profile: Profile = None,
    params: Parameters = "{}",
    county: CountyName = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Run an analysis on files, without any service.

    Prints the document that a job would have.
    """
    from terrafusion.cli.analyzing import Question, answer  # noqa: PLC0415 - analyses are slow to import

    files = {"sales": sales, "properties": properties, "listings": listings}
    given = {kind: file for kind, file in files.items() if file is not None}
    question = Question(analysis_type=type_, files=given, profile=profile, parameters=params, county=county)
    document = answer(question, out, read_settings())
    if json:
        emit(document)
    else:
        _show(document)


def _show(document: Mapping[str, Any]) -> None:
    result = document["result"]
    files = {
        "Sales": document["file"],
        "Properties": document["properties_file"],
        "Listings": document["listings_file"],
    }
    stdout.print(Group(*facts(result)), highlight=False)
    for what, file in files.items():
        if file:
            stdout.print(
                f"{what}: rows read {file['read']:,}, rejected {file['rejected']:,}{_why(file)}", highlight=False
            )
    for caution in (caution for file in files.values() if file for caution in file["warnings"]):
        stdout.print(f"Note: {caution['message'].rstrip('.')}.", style="yellow", highlight=False)
    stdout.print(Group(*provenance(result)), highlight=False)
    if result["result_data_location"]:
        stdout.print(f"Written: {result['result_data_location']}", highlight=False)


def _why(file: Mapping[str, Any]) -> str:
    """Say why rows were rejected; each of them stands in the file beside the records."""
    if not file["rejected"]:
        return ""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in file["rejected_by_reason"].items())
    return f" ({reasons}); each stands with its reason in the file that ends in .rejected.csv beside it"
