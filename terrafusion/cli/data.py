"""`load` and `counties`: what goes into the system, and what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from models.messages import Name
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.sales import Loaded, load_sales
from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import Json, emit, stderr, stdout
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.files import refuse
from terrafusion.ingest.sales import SalesFile, read_sales, without_repeats
from terrafusion.ports import DataVersion
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

SHORT_VERSION: Final = 12

County = Annotated[str, typer.Option("--county", help="The county that the sales belong to.")]
Replace = Annotated[
    bool, typer.Option("--replace/--upsert", help="Remove the county's other sales, or (default) keep them.")
]
SalesPath = Annotated[Path, typer.Argument(metavar="FILE", help="Parquet or CSV with a line of column names.")]

load = typer.Typer(help="Put a county's records into the system.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(load, name="load")
    app.command()(counties)


@load.command()
def sales(file: SalesPath, county: County, *, replace: Replace = False, json: Json = False) -> None:
    """Load recorded sales.

    New and changed ones are written, the rest stays; rejected rows go to FILE's name.rejected.csv.
    """
    check_county(county)
    settings = read_settings()
    url, objects = database(settings), Objects(settings.results)
    with stderr.status(f"Reading {file.name}"):
        read = without_repeats(read_sales(file))
    told = write_rejected(file, read)
    if read.sales.is_empty():
        raise refuse(file, f"each of its {read.read:,} rows is rejected, see {told}", allowed="nothing is changed")
    with stderr.status(f"Loading {read.sales.height:,} sales"):
        loaded = load_sales(url, objects, county, read.sales, replace=replace)
    if json:
        emit(_document(county, read, loaded, told))
    else:
        _show(county, read, loaded, told)


@load.command()
def samples(*, json: Json = False) -> None:
    """Load the sample counties where they are not loaded as they are, and list what is loaded."""
    settings = read_settings()
    database(settings)
    with stderr.status("Loading the sample counties"):
        asyncio.run(load_samples(settings))
    counties(json=json)


def check_county(county: str) -> None:
    """Refuse a name that no request could ask for; raises InvalidRequest."""
    try:
        TypeAdapter(Name).validate_python(county)
    except ValidationError as error:
        allowed = "letters, digits, `_`, `.` and `-`, at most 100, the first a letter or digit"
        message = f"county is {county!r}; allowed are {allowed}"
        raise InvalidRequest(message, field="county", value=county, allowed=allowed) from error


def write_rejected(file: Path, read: SalesFile) -> Path | None:
    """Tell of rejected rows beside the file; none of an earlier load is left when there are none now."""
    beside = file.with_name(f"{file.stem}.rejected.csv")
    try:
        if read.rejected.is_empty():
            beside.unlink(missing_ok=True)
            return None
        read.rejected.write_csv(beside)
    except OSError as error:
        stderr.print(f"{beside} cannot be written: {error.strerror}", style="yellow", highlight=False)
        return None
    return beside


def _document(county: str, read: SalesFile, loaded: Loaded, told: Path | None) -> dict[str, Any]:
    return {
        "county_id": county,
        "read": read.read,
        "loaded": loaded.new + loaded.changed,
        "rejected": read.rejected.height,
        "rejected_by_reason": read.reasons,
        "rejected_file": told,
        "warnings": [asdict(caution) for caution in read.warnings],
    } | asdict(loaded)


def _show(county: str, read: SalesFile, loaded: Loaded, told: Path | None) -> None:
    rows = Table(title=f"{county}: {loaded.sales:,} sales", title_justify="left", box=None, show_header=False)
    rows.add_column(justify="right")
    rows.add_column()
    fates = {"read": read.read} | {name: getattr(loaded, name) for name in ("new", "changed", "unchanged", "removed")}
    for name, count in (fates | {"rejected": read.rejected.height}).items():
        rows.add_row(f"{count:,}", name)
    for reason, count in read.reasons.items():
        rows.add_row(f"{count:,}", f"  {reason}")
    stdout.print(rows)
    if told:
        stdout.print(f"Rejected rows: {told}", highlight=False)
    for caution in read.warnings:
        stdout.print(caution.message, style="yellow", highlight=False)
    state = "new" if loaded.is_new_version else "unchanged"
    stdout.print(f"Data version {loaded.data_version[:SHORT_VERSION]} ({state})", highlight=False)


def counties(*, json: Json = False) -> None:
    """List the counties that are loaded."""
    current = asyncio.run(_current(read_settings()))
    if json:
        emit({"counties": [asdict(version) for version in current]})
    else:
        stdout.print(_table(current) if current else "No county is loaded; `terrafusion load sales` loads one.")


async def _current(settings: Settings) -> Sequence[DataVersion]:
    engine = make_engine(database(settings), connections=1)
    try:
        return await PostgresCounties(engine).current()
    finally:
        await engine.dispose()


def _table(current: Sequence[DataVersion]) -> Table:
    table = Table("county", "sales", "first", "last", "data version", "since", box=None)
    table.columns[1].justify = "right"
    for each in current:
        since = f"{each.created_at:%Y-%m-%d %H:%M}"
        row = (str(each.first_sale), str(each.last_sale), each.data_version[:SHORT_VERSION], since)
        table.add_row(each.county_id, f"{each.sales:,}", *row)
    return table
