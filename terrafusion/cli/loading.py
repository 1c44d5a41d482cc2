"""What `load` and `counties` do: a file read and put into the system, and what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from models.messages import Name
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.loading import Loaded
from terrafusion.adapters.postgres.loading import load as load_records
from terrafusion.analysis.api import Caution
from terrafusion.analysis.profile import CountyProfile
from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import emit, say, stderr, stdout
from terrafusion.cli.progress import working
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.cells import DateOrder
from terrafusion.ingest.files import refuse
from terrafusion.ingest.kinds import KINDS
from terrafusion.ingest.reading import RecordsFile, read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ports.counties import DataVersion
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

SHORT_VERSION: Final = 12


class Manner(NamedTuple):
    """How records are loaded, and how it is told."""

    replace: bool
    date_order: str | None
    json: bool


def load_file(kind_name: str, file: Path, county: str, manner: Manner) -> None:
    """Load a file's records and tell what became of its rows; raises InvalidRequest, Unavailable."""
    kind = KINDS[kind_name]
    order = None if manner.date_order is None else DateOrder(manner.date_order)
    check_county(county)
    settings = read_settings()
    url, objects = database(settings), Objects.of(settings)
    with working(f"Reading {file.name}") as tell:
        read = without_repeats(read_records(file, kind, order))
        told = write_rejected(file, read)
        if read.records.is_empty():
            raise refuse(file, f"each of its {read.read:,} rows is rejected, see {told}", allowed="nothing is changed")
        tell(f"Loading {read.records.height:,} {kind.name}")
        removes = manner.replace and read.rejected.is_empty()
        loaded = load_records(url, objects, county, read.records, kind=kind, replace=removes)
    if manner.replace and not removes:
        read = _with_nothing_removed(read)
    if manner.json:
        emit(_document(county, read, loaded, told))
    else:
        _show(county, read, loaded, told)


def _with_nothing_removed(read: RecordsFile) -> RecordsFile:
    """Warn that the other records stay: a rejected row may be the new one of a good record."""
    count = read.rejected.height
    rows, them = ("1 row was", "it") if count == 1 else (f"{count:,} rows were", "them")
    message = f"Nothing was removed, because {rows} rejected; mend {them} and load the file again."
    return replace(read, warnings=[*read.warnings, Caution("nothing_removed", message)])


def load_sample_counties() -> None:
    """Load the sample counties where they are not loaded as they are."""
    settings = read_settings()
    database(settings)
    with working("Loading the sample counties"):
        asyncio.run(load_samples(settings))


def tell_counties(*, json: bool) -> None:
    """Print which counties are loaded, and what of each."""
    current = asyncio.run(_current(read_settings()))
    if json:
        emit({"counties": [asdict(each) | {"profile": _whole(each.profile)} for each in current]})
    else:
        stdout.print(_table(current) if current else "No county is loaded; `terrafusion load sales` loads one.")


def _whole(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile with what is at its default, which is not kept."""
    return CountyProfile.model_validate(profile).model_dump(mode="json")


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
        stderr.print(f"{beside} cannot be written: {error.strerror or error}", style="yellow", highlight=False)
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
