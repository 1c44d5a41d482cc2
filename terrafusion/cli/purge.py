"""`terrafusion purge`: retention now, rather than within the hour."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import FAILED, Json, emit, note, tell

if TYPE_CHECKING:
    from terrafusion.settings import Settings
    from terrafusion.usecases.purge import Purged

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(purge)


def purge(*, dry_run: DryRun = False, json: Json = False) -> None:
    """Forget what was kept long enough.

    Jobs that have ended with their results after JOB_RETENTION_DAYS, dead letters after DEAD_LETTER_RETENTION_DAYS, data
    versions that were replaced after DATA_VERSION_RETENTION_DAYS unless a job names them, files that no job needs. Nothing
    that waits or runs is touched; a worker does the same each hour. Exit 1 where another is at it.
    """
    purged = asyncio.run(_purge(read_settings(), dry_run=dry_run))
    if purged is None:
        note("Another process is purging now.")
        if json:
            emit({"dry_run": dry_run, "is_busy": True})
        raise typer.Exit(FAILED)
    tell({"dry_run": dry_run, "is_busy": False, **asdict(purged)}, sentence(purged, dry_run=dry_run), json=json)


def sentence(purged: Purged, *, dry_run: bool) -> str:
    """Say what went, or would go."""
    from terrafusion.analysis.findings import counted  # noqa: PLC0415 - slow to import

    jobs, letters = counted(purged.jobs, "job"), counted(purged.dead_letters, "dead letter")
    versions, files = counted(purged.data_versions, "data version"), counted(purged.files, "file")
    return f"{'Would purge' if dry_run else 'Purged'} {jobs}, {letters}, {versions} and {files} of no job."


async def _purge(settings: Settings, *, dry_run: bool) -> Purged | None:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - slow to import

    from terrafusion.adapters.objects import Objects  # noqa: PLC0415
    from terrafusion.adapters.postgres.engine import make_engine  # noqa: PLC0415
    from terrafusion.adapters.postgres.retention import PostgresRetention  # noqa: PLC0415
    from terrafusion.adapters.stored_files import StoredFiles  # noqa: PLC0415
    from terrafusion.metrics import Metrics  # noqa: PLC0415
    from terrafusion.usecases.purge import Purge, Terms  # noqa: PLC0415

    engine = make_engine(database(settings), connections=1)
    purging = Purge(
        retention=PostgresRetention(engine),
        files=StoredFiles(Objects.of(settings)),
        terms=Terms.of_days(
            jobs=settings.job_retention_days,
            letters=settings.dead_letter_retention_days,
            versions=settings.data_version_retention_days,
            deeds=settings.audit_retention_days,
        ),
        metrics=Metrics(CollectorRegistry(), ()),
    )
    try:
        return await (purging.look() if dry_run else purging.run(sweep=True))
    finally:
        await engine.dispose()
