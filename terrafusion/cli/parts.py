"""The parts of the system, one by one, for an operator."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import typer

from terrafusion.cli.configuration import brokers, database, read_settings
from terrafusion.cli.output import AWAY, FAILED, Json, emit_line, tell


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
    from terrafusion.adapters.postgres.migrate import judged  # noqa: PLC0415 - alembic is slow to import
    from terrafusion.adapters.postgres.migrate import migrate as upgrade  # noqa: PLC0415

    version = asyncio.run(upgrade(database(read_settings())))
    tell({"schema_version": version}, f"The schema is {judged(version)[1]}.", json=json)


def worker(*, json: Json = False) -> None:
    """Run a worker until SIGTERM.

    It takes requests, runs analyses, publishes events and serves the view. With --json the one document, its address
    and process id, is printed as soon as it has started.
    """
    settings = read_settings()
    database(settings)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # asyncio.run would take Faust's loop away
        runner.run(brokers(settings).reach())
    from terrafusion.worker import run  # noqa: PLC0415 - Faust is slow to import

    http_url = f"http://{settings.http_host}:{settings.http_port}"
    run(settings, started=partial(emit_line, {"http_url": http_url, "pid": os.getpid()}) if json else None)


def create_topics(*, json: Json = False) -> None:
    """Create the topics that are missing.

    Those that exist are left as they are.
    """
    from terrafusion.adapters.kafka_admin import create_topics as create  # noqa: PLC0415

    made = asyncio.run(create(brokers(read_settings())))
    tell({"created": made}, f"Created {', '.join(made)}." if made else "All topics exist.", json=json)


def check_topics(*, json: Json = False) -> None:
    """Compare the topics with the catalogue.

    Partitions and configuration; exit 1 where they differ.
    """
    from terrafusion.adapters.kafka_admin import check_topics as check  # noqa: PLC0415

    differences = asyncio.run(check(brokers(read_settings())))
    tell({"differences": differences}, "\n".join(differences) or "All topics are as the catalogue says.", json=json)
    if differences:
        raise typer.Exit(FAILED)


def doctor(*, json: Json = False) -> None:
    """Check the services and what is in them.

    Database, schema, clock, broker, topics, object store; exit 3 for a service that is away, 1 for what is wrong in
    one. Beside them, for information: dead letters, pauses, what waits and runs, the group
    and its lag, the worker at this address, disk and open files, who may ask.
    """
    from terrafusion.cli import checks  # noqa: PLC0415 - slow to import
    from terrafusion.cli.finding import lines  # noqa: PLC0415

    findings = asyncio.run(checks.examine(read_settings()))
    document = {"ok": all(found.ok for found in findings), "checks": findings}
    tell(document, "\n".join(line for found in findings for line in lines(found)), json=json)
    wrong = {found.check for found in findings if not found.ok}
    if wrong:
        raise typer.Exit(AWAY if wrong & checks.SERVICES else FAILED)


def show_config(*, json: Json = False) -> None:
    """Print every setting as it is now; secrets are hidden."""
    shown = read_settings().shown
    lines = [f"TERRAFUSION_{name.upper():<25}{'' if value is None else value}" for name, value in shown.items()]
    tell(shown, "\n".join(lines), json=json)
