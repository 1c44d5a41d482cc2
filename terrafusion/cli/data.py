"""`load` and `counties`: what goes into the system, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from terrafusion.cli.output import Json

County = Annotated[str, typer.Option("--county", help="The county that the records belong to.")]
Replace = Annotated[
    bool,
    typer.Option("--replace/--upsert", help="Remove the county's other records of this kind, or (default) keep them."),
]
Order = Annotated[
    Literal["month-first", "day-first"] | None,
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
    _load("sales", file, county, (replace, date_order, json))


@load.command()
def properties(
    file: FilePath, county: County, *, replace: Replace = False, date_order: Order = None, json: Json = False
) -> None:
    """Load the parcels of the roll.

    A parcel that is there already is brought to what the file says; rejected rows go to FILE's name.rejected.csv.
    """
    _load("properties", file, county, (replace, date_order, json))


@load.command()
def listings(
    file: FilePath, county: County, *, replace: Replace = False, date_order: Order = None, json: Json = False
) -> None:
    """Load times on the market.

    New and changed ones are written, the rest stays; rejected rows go to FILE's name.rejected.csv.
    """
    _load("listings", file, county, (replace, date_order, json))


def _load(kind: str, file: Path, county: str, manner: tuple[bool, str | None, bool]) -> None:
    from terrafusion.cli.loading import Manner, load_file  # noqa: PLC0415 - slow to import, as all it stands on

    load_file(kind, file, county, Manner(*manner))


@load.command()
def samples(*, json: Json = False) -> None:
    """Load the sample counties where they are not loaded as they are, and list what is loaded."""
    from terrafusion.cli.loading import load_sample_counties  # noqa: PLC0415

    load_sample_counties()
    counties(json=json)


def counties(*, json: Json = False) -> None:
    """List the counties that are loaded."""
    from terrafusion.cli.loading import tell_counties  # noqa: PLC0415

    tell_counties(json=json)
