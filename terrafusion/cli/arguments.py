"""What several commands take, described once."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from terrafusion.cli.completion import analysis_types, counties, job_ids

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The job's id.", show_default=False, autocompletion=job_ids)]
Type = Annotated[
    str,
    typer.Argument(
        metavar="TYPE", help="A type of the catalogue; see `terrafusion types`.", autocompletion=analysis_types
    ),
]
County = Annotated[
    str,
    typer.Option(
        "--county", metavar="ID", help="A county that is loaded.", show_default=False, autocompletion=counties
    ),
]
Correlation = Annotated[str | None, typer.Option("--correlation-id", metavar="ID", help="The request's own mark.")]
