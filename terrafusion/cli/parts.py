"""The parts of the system, one by one, for an operator."""

from __future__ import annotations

import asyncio

import typer

from terrafusion.cli.configuration import brokers, database, read_settings
from terrafusion.cli.output import Json, emit, stdout
from terrafusion.settings import Settings


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (migrate, worker, doctor):
        app.command()(command)
    topics = typer.Typer(help="The topics on the broker.", no_args_is_help=True)
    topics.command("create")(create_topics)
    topics.command("check")(check_topics)
    app.add_typer(topics, name="topics")
    config = typer.Typer(help="The settings.", no_args_is_help=True)
    config.command("show")(show_config)
    app.add_typer(config, name="config")


def migrate(*, json: Json = False) -> None:
    """Bring the database's schema to the newest version."""
    from terrafusion.adapters.postgres.migrate import migrate as upgrade  # noqa: PLC0415 - alembic is slow to import

    version = asyncio.run(upgrade(database(read_settings())))
    _tell({"schema_version": version}, f"The schema is at {version}.", json=json)


def worker() -> None:
    """Run a worker until SIGTERM.

    It takes requests, runs analyses, publishes events and serves the view.
    """
    settings = read_settings()
    database(settings)
    brokers(settings)
    from terrafusion.worker import run  # noqa: PLC0415 - Faust is slow to import

    run(settings)


def create_topics(*, json: Json = False) -> None:
    """Create the topics that are missing.

    Those that exist are left as they are.
    """
    from terrafusion.adapters.kafka_admin import create_topics as create  # noqa: PLC0415

    made = asyncio.run(create(brokers(read_settings())))
    _tell({"created": made}, f"Created {', '.join(made)}." if made else "All topics exist.", json=json)


def check_topics(*, json: Json = False) -> None:
    """Compare the topics with the catalogue.

    Exit 1 where they differ.
    """
    from terrafusion.adapters.kafka_admin import check_topics as check  # noqa: PLC0415

    differences = asyncio.run(check(brokers(read_settings())))
    _tell({"differences": differences}, "\n".join(differences) or "All topics are as the catalogue says.", json=json)
    if differences:
        raise typer.Exit(1)


def doctor(*, json: Json = False) -> None:
    """Check the services and what is in them.

    Database, schema, broker, topics, object store and clock; exit 3 for a service, 1 for what is in it.
    """
    from terrafusion.cli.checks import SERVICES, examine  # noqa: PLC0415 - slow to import

    findings = asyncio.run(examine(read_settings()))
    lines = [f"{'ok' if found.ok else 'WRONG':<6}{found.check:<14}{found.detail}" for found in findings]
    document = {"ok": all(found.ok for found in findings), "checks": findings}
    _tell(document, "\n".join(lines), json=json)
    wrong = {found.check for found in findings if not found.ok}
    if wrong:
        raise typer.Exit(3 if wrong & SERVICES else 1)


def show_config(*, json: Json = False) -> None:
    """Print every setting as it is now; secrets are hidden."""
    shown = hidden(read_settings())
    lines = [f"TERRAFUSION_{name.upper():<25}{'' if value is None else value}" for name, value in shown.items()]
    _tell(shown, "\n".join(lines), json=json)


def hidden(settings: Settings) -> dict[str, object]:
    """Return the settings by name, the database's address without its password."""
    shown = settings.model_dump(mode="json")
    if settings.database_url is not None:
        shown["database_url"] = settings.database.render_as_string(hide_password=True)
    return shown


def _tell(document: object, sentence: str, *, json: bool) -> None:
    if json:
        emit(document)
    else:
        stdout.print(sentence, markup=False, highlight=False, soft_wrap=True)
