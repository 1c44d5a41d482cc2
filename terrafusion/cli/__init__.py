"""The command line: `terrafusion`. One file a group of commands, each adding itself to one typer app."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as version_of
from typing import Annotated, Final

import typer

from terrafusion import DISTRIBUTION
from terrafusion.cli.output import run, say

COMMANDS: Final = (
    "dev",
    "demo",
    "parts",
    "data",
    "county",
    "analyze",
    "jobs",
    "catalogue",
    "steering",
    "dead_letters",
    "purge",
    "tokens",
    "audit",
    "compare",
    "schema",
)
"""The files beside this one; each has ``add(app)``."""


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="terrafusion",
        help="Market analysis for county assessment offices.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        callback=_terrafusion,
    )
    for name in COMMANDS:
        import_module(f"terrafusion.cli.{name}").add(app)
    return app


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callbacks take it so
    if wanted:
        say(f"terrafusion {version_of(DISTRIBUTION)}")
        raise typer.Exit


def _terrafusion(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Market analysis for county assessment offices."""


def main() -> None:
    """Run the command line; exit 0 done, 1 failed, 2 wrong usage, 3 a service cannot be reached."""
    run(build())
