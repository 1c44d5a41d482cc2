"""What every command shares: one JSON document on stdout, the rest on stderr, and the exit codes."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from terrafusion.errors import Misconfigured, Rejected, TerraFusionError, Unavailable

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]

stderr = Console(stderr=True)
stdout = Console()


def emit(document: Any) -> None:
    """Print the one JSON document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    sys.stdout.flush()


def exit_code(error: TerraFusionError) -> int:
    """Say an error as the process' exit code."""
    if isinstance(error, Unavailable):
        return 3
    return 2 if isinstance(error, Rejected | Misconfigured) else 1


def run(app: typer.Typer) -> None:
    """Run the app; our own errors end it with one sentence and their exit code."""
    try:
        app()
    except TerraFusionError as error:
        stderr.print(f"terrafusion: {error}", style="red", markup=False, highlight=False)
        sys.exit(exit_code(error))
