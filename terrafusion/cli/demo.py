"""`terrafusion demo`: the whole system in a temporary folder, with real requests, and what comes of them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from terrafusion.cli.configuration import read_settings
from terrafusion.cli.dev import in_foreground
from terrafusion.cli.output import Json, emit, note, stdout

if TYPE_CHECKING:
    from models.messages import AnalysisRequest
    from terrafusion.embedded.system import System

REQUESTS: Final = (
    {"county_id": "king_wa", "analysis_type": "price_trend_by_zip", "parameters": {"period": "quarter"}},
    {"county_id": "lucas_oh", "analysis_type": "trend_analysis", "parameters": {"period": "year"}},
    {
        "county_id": "king_wa",
        "analysis_type": "trend_analysis",
        "parameters": {"period": "year", "group_by": ["bedrooms"]},
    },
    {"county_id": "king_wa", "analysis_type": "FAILING_ANALYSIS_SIM"},
)
"""Three analyses and the drill: it fails, as an analysis can, so that one sees how that looks."""
PATIENCE_SECONDS: Final = 90
INTERRUPTED: Final = 130
"""The exit code of what Ctrl-C ended."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up after the results until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show the whole system at work, and clear it away.

    Starts everything in a temporary folder, sends real requests, shows their progress and their results.
    """
    folder = Path(tempfile.mkdtemp(prefix="terrafusion-demo-"))
    outcome: list[dict[str, Any]] = []
    ended = in_foreground(_demonstrate(_system(folder), outcome, keep=keep, json=json))
    shutil.rmtree(folder)
    if not ended:
        note("Everything is stopped.")
        raise typer.Exit(0 if keep and outcome else INTERRUPTED)
    if not all(as_expected(job) for job in outcome):
        raise typer.Exit(1)


def _system(folder: Path) -> System:
    """Put together a system that is embedded whatever the environment says: a demo touches nothing else."""
    from terrafusion.embedded.system import Extent, System  # noqa: PLC0415 - slow to import, as all it stands on

    own = {"database_url": None, "kafka_bootstrap": None, "results_url": None, "access": "off", "topic_access": "off"}
    return System(read_settings(data_dir=folder).model_copy(update=own), Extent(), note)


async def _demonstrate(system: System, outcome: list[dict[str, Any]], *, keep: bool, json: bool) -> None:
    from terrafusion.adapters.broker import Broker  # noqa: PLC0415
    from terrafusion.cli.conversation import converse  # noqa: PLC0415
    from terrafusion.client.wire import Wire  # noqa: PLC0415

    async with system.running():
        watch = asyncio.create_task(system.watch())
        addresses = system.addresses()
        jobs = await converse(Broker.of(system.settings), _requests(), patience_s=PATIENCE_SECONDS)
        view = Wire(addresses["http_url"])
        outcome += [await view.get("results", str(job)) for job in jobs]
        if json:
            emit({"http_url": addresses["http_url"], "jobs": outcome})
        else:
            _show(outcome, with_files=keep)
        note(_farewell(addresses, keep=keep))
        if keep:
            await watch
        watch.cancel()


def _requests() -> Sequence[AnalysisRequest]:
    from uuid import uuid4  # noqa: PLC0415

    from models.messages import AnalysisRequest  # noqa: PLC0415

    return [AnalysisRequest(job_id=uuid4(), correlation_id="demo", **request) for request in REQUESTS]


def _show(outcome: Sequence[dict[str, Any]], *, with_files: bool) -> None:
    from terrafusion.cli.report import report  # noqa: PLC0415

    for job in outcome:
        stdout.print(report(job, with_file=with_files), highlight=False)


def _farewell(addresses: dict[str, Any], *, keep: bool) -> str:
    if keep:
        return f"Status page: {addresses['http_url']}/   Files: {addresses['data_dir']}   Ctrl-C stops all of it."
    return f"Status page: {addresses['http_url']}/ (while this runs; `make demo KEEP=1` keeps it up). Stopping."


def as_expected(job: dict[str, Any]) -> bool:
    """Say whether a job of the demo ended as it should; the drill should fail."""
    if job["analysis_type"] == "FAILING_ANALYSIS_SIM":
        return bool(job["failure_reason"] == "simulated_failure")
    return bool(job["status"] == "COMPLETED")
