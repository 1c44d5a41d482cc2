"""`load` and `counties`: what goes into the system, and what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from models.messages import Name
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.loading import Loaded
from terrafusion.adapters.postgres.loading import load as load_records
from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import Json, emit, say, stderr, stdout
from terrafusion.cli.progress import working
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.cells import DateOrder
from terrafusion.ingest.files import refuse
from terrafusion.ingest.kinds import KINDS, LISTINGS, PROPERTIES, SALES, Kind
from terrafusion.ingest.reading import RecordsFile, read_records, without_repeats
from terrafusion.ports import DataVersion
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

SHORT_VERSION: Final = 12

County = Annotated[str, typer.Option("--county", help="The county that the records belong to.")]
Replace = Annotated[
    bool,
    typer.Option("--replace/--upsert", help="Remove the county's other records of this kind, or (default) keep them."),
]
Order = Annotated[
    DateOrder | None,
    typer.Option("--date-order", help="What stands first in dates such as 03/04/2014; without it they are rejected."),
]
FilePath = Annotated[Path, typer.Argument(metavar="FILE", help="Parquet or CSV with a line of column names.")]

load = typer.Typer(help="Put a county's records into the system.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(load, name="load")
    app.command()(counties)


@load.command()
def sales(
    file: FilePath, county: County, *, replace: Replace = False, date_order: Order = None, json: Json = False
) -> None:
    """Load recorded sales.

    New and changed ones are written, the rest stays; rejected rows go to FILE's name.rejected.csv.
    """
    _load(SALES, file, county, _Manner(replace, date_order, json))


@load.command()
def properties(
    file: FilePath, county: County, *, replace: Replace = False, date_order: Order = None, json: Json = False
) -> None:
    """Load the parcels of the roll.

    A parcel that is there already is brought to what the file says; rejected rows go to FILE's name.rejected.csv.
    """
    _load(PROPERTIES, file, county, _Manner(replace, date_order, json))


@load.command()
def listings(
    file: FilePath, county: County, *, replace: Replace = False, date_order: Order = None, json: Json = False
) -> None:
    """Load times on the market.

    New and changed ones are written, the rest stays; rejected rows go to FILE's name.rejected.csv.
    """
    _load(LISTINGS, file, county, _Manner(replace, date_order, json))


class _Manner(NamedTuple):
    """How records are loaded, and how it is told."""

    replace: bool
    date_order: DateOrder | None
    json: bool


def _load(kind: Kind, file: Path, county: str, manner: _Manner) -> None:
    check_county(county)
    settings = read_settings()
    url, objects = database(settings), Objects(settings.results)
    with working(f"Reading {file.name}") as tell:
        read = without_repeats(read_records(file, kind, manner.date_order))
        told = write_rejected(file, read)
        if read.records.is_empty():
            raise refuse(file, f"each of its {read.read:,} rows is rejected, see {told}", allowed="nothing is changed")
        tell(f"Loading {read.records.height:,} {kind.name}")
        loaded = load_records(url, objects, county, read.records, kind=kind, replace=manner.replace)
    if manner.json:
        emit(_document(county, read, loaded, told))
    else:
        _show(county, read, loaded, told)


@load.command()
def samples(*, json: Json = False) -> None:
    """Load the sample counties where they are not loaded as they are, and list what is loaded."""
    settings = read_settings()
    database(settings)
    with working("Loading the sample counties"):
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


def write_rejected(file: Path, read: RecordsFile) -> Path | None:
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


def _document(county: str, read: RecordsFile, loaded: Loaded, told: Path | None) -> dict[str, Any]:
    return {
        "county_id": county,
        "kind": read.kind.name,
        "read": read.read,
        "loaded": loaded.new + loaded.changed,
        "rejected": read.rejected.height,
        "rejected_by_reason": read.reasons,
        "rejected_file": told,
        "warnings": [asdict(caution) for caution in read.warnings],
    } | asdict(loaded)


def _show(county: str, read: RecordsFile, loaded: Loaded, told: Path | None) -> None:
    kind = read.kind.name
    rows = Table(title=f"{county}: {getattr(loaded, kind):,} {kind}", title_justify="left", box=None, show_header=False)
    rows.add_column(justify="right")
    rows.add_column()
    fates = {"read": read.read} | {name: getattr(loaded, name) for name in ("new", "changed", "unchanged", "removed")}
    for name, count in (fates | {"rejected": read.rejected.height}).items():
        rows.add_row(f"{count:,}", name)
    for reason, count in read.reasons.items():
        rows.add_row(f"{count:,}", f"  {reason}")
    stdout.print(rows)
    if told:
        say(f"Rejected rows: {told}")
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
    table = Table(box=None)
    for name in ("county", "sales", "first", "last", "properties", "listings", "data version"):
        table.add_column(name, justify="right" if name in KINDS else "left")
    for each in current:
        days = (str(each.first_sale or ""), str(each.last_sale or ""))
        others = (f"{each.properties:,}", f"{each.listings:,}")
        table.add_row(each.county_id, f"{each.sales:,}", *days, *others, each.data_version[:SHORT_VERSION])
    return table
