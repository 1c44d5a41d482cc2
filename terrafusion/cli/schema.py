"""`schema`: the documents that tell other systems how to speak to this one, made from the code that does."""

from __future__ import annotations

from importlib.metadata import version

import typer

from terrafusion import DISTRIBUTION
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, emit


def add(app: typer.Typer) -> None:
    """Add the commands."""
    schema = typer.Typer(help="The documents for other systems; always JSON.", no_args_is_help=True)
    for command in (events, openapi, asyncapi):
        schema.command()(command)
    app.add_typer(schema, name="schema")


def events(*, json: Json = False) -> None:  # noqa: ARG001 - it prints JSON anyway, as the others here
    """Print the JSON Schema of each message, by its topic."""
    from topics.schemas import schemas  # noqa: PLC0415 - slow to import, as what follows

    emit(schemas())


def openapi(*, json: Json = False) -> None:  # noqa: ARG001
    """Print the HTTP paths as OpenAPI 3.1."""
    from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415
    from terrafusion.web.openapi import openapi as described  # noqa: PLC0415

    emit(described(load_catalogue(read_settings().modules), version(DISTRIBUTION)))


def asyncapi(*, json: Json = False) -> None:  # noqa: ARG001
    """Print the topics and their messages as AsyncAPI 3.0."""
    from topics.asyncapi import asyncapi as described  # noqa: PLC0415

    emit(described(version(DISTRIBUTION)))
