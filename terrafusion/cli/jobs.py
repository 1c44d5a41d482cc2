"""Jobs from the command line: requests and everybody's events over their topics, the rest from a worker over HTTP.

HTTP rather than Postgres, because whoever looks at jobs then needs no password of the database and no access to the
result store, reads the same bodies as every other client, and sees live progress. To look past the workers there is
`terrafusion doctor`. Only `watch` of all jobs reads the status topic, for a worker hears but its own partitions.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from models.jobs import TERMINAL, JobStatus
from terrafusion.cli import listing, watching
from terrafusion.cli.arguments import Correlation, County, Id, Type
from terrafusion.cli.completion import analysis_types, counties, job_ids
from terrafusion.cli.configuration import brokers, read_settings
from terrafusion.cli.output import FAILED, Json, emit, emit_line, note, room, say, stdout, tell
from terrafusion.cli.parameters import Parameters


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, status, results, watch):
        app.command()(command)
    app.command("list")(list_jobs)


def run(
    type_: Type,
    county: County,
    *,
    params: Parameters = "{}",
    priority: Annotated[int, typer.Option(help="0 low to 9 high.")] = 5,
    deadline: Annotated[
        str | None, typer.Option(metavar="ISO", help="After it the answer is of no use: 2026-11-30T12:00:00Z.")
    ] = None,
    correlation_id: Correlation = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress, then the job with its result.")] = False,
    json: Json = False,
) -> None:
    """Put a request on the topic and print the job's id.

    With --wait the job with its result is printed in the end; exit 1 when it did not complete.
    """
    from terrafusion.cli import asking  # noqa: PLC0415 - analyses are slow to import

    settings = read_settings()
    bootstrap = brokers(settings)
    given = {
        "job_id": str(uuid4()),
        "analysis_type": type_,
        "county_id": county,
        "priority": priority,
        "deadline": deadline,
        "correlation_id": correlation_id,
    }
    request = asking.checked(given, params, settings)
    if not wait:
        told = asyncio.run(asking.send_one(bootstrap, settings, request))
        tell(told, told["job_id"], json=json)
        note(f"Sent; `terrafusion watch {told['job_id']}` follows it.")
        return
    job = asyncio.run(asking.send_and_wait(bootstrap, settings, request))
    _show_result(job, json=json)
    _must_be_completed(job)


def status(job_id: Id, *, json: Json = False) -> None:
    """Say how a job stands."""
    job = _job("status", job_id)
    tell(job, "\n".join(listing.job_lines(job)), json=json)


def results(job_id: Id, *, json: Json = False) -> None:
    """Print a job with its result.

    There is none until the job is COMPLETED. Exit 1 when it ended otherwise, 0 with a note when it has not ended.
    """
    job = _job("results", job_id)
    _show_result(job, json=json)
    if job["status"] in TERMINAL:
        _must_be_completed(job)
    else:
        note(f"Job {job_id} is {job['status']} and has no result yet; `terrafusion watch {job_id}` follows it.")


def list_jobs(
    *,
    status: Annotated[JobStatus | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")] = None,
    county: Annotated[
        str | None, typer.Option("--county", metavar="ID", help="Only of this county.", autocompletion=counties)
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only of this type.", autocompletion=analysis_types)
    ] = None,
    correlation_id: Correlation = None,
    limit: Annotated[int, typer.Option(help="Jobs on a page, 1 to 500.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page begins: the last one's next_cursor.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew each 2 s until Ctrl-C; on a terminal.")] = False,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    filters = {"status": status, "county_id": county, "analysis_type": type_, "correlation_id": correlation_id}
    if watch:
        watching.follow(partial(_get, "list", limit=limit, cursor=cursor, **filters), json=json)
        return
    page = _get("list", limit=limit, cursor=cursor, **filters)
    tell(page, "\n".join(listing.page_lines(page["jobs"], width=room())) or "There is no such job.", json=json)
    if page["next_cursor"] and not json:
        note(f"There are more: --cursor {page['next_cursor']}")


def watch(
    job_id: Annotated[
        UUID | None, typer.Argument(metavar="ID", help="A job's id; else all jobs.", autocompletion=job_ids)
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Follow a job to its end, or all jobs until Ctrl-C.

    A job's end: exit 1 when it did not complete. With --json one document at the end; for all jobs, which have no end,
    one a line.
    """
    if job_id is None:
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch_all(json=json))
        return
    job = asyncio.run(_watch_one(job_id))
    tell(job, "\n".join(listing.job_lines(job)), json=json)
    _must_be_completed(job)


def _get(*path: str, **query: Any) -> dict[str, Any]:
    from terrafusion.cli.view import view_of  # noqa: PLC0415 - aiohttp is slow to import

    return asyncio.run(view_of(read_settings()).get(*path, **query))


def _job(path: str, job_id: UUID) -> dict[str, Any]:
    from terrafusion.cli.missing import job_of  # noqa: PLC0415 - aiohttp is slow to import
    from terrafusion.cli.view import view_of  # noqa: PLC0415

    return asyncio.run(job_of(view_of(read_settings()), path, job_id))


async def _watch_all(*, json: bool) -> None:
    from terrafusion.cli.conversation import every_event  # noqa: PLC0415

    async with aclosing(every_event(brokers(read_settings()))) as events:
        async for event in events:
            told = event.model_dump(mode="json")
            if json:
                emit_line(told)
            else:
                say(listing.event_line(told))


async def _watch_one(job_id: UUID) -> dict[str, Any]:
    from terrafusion.cli.missing import arrived  # noqa: PLC0415
    from terrafusion.cli.progress import Board  # noqa: PLC0415
    from terrafusion.cli.view import client_of, view_of  # noqa: PLC0415

    settings = read_settings()
    view = view_of(settings)
    job = await arrived(view, job_id)
    with Board({job_id: f"{job['analysis_type']} {job['county_id']}"}) as board:
        async with client_of(settings) as client, aclosing(client.events(job_id)) as events:
            async for event in events:
                board.see(event)
        return await view.get("status", str(job_id))


def _show_result(job: dict[str, Any], *, json: bool) -> None:
    from terrafusion.cli.report import report  # noqa: PLC0415

    if json:
        emit(job)
    else:
        stdout.print(report(job, with_file=False), highlight=False)
        if job["result_data_location"]:
            say(f"File: {job['result_data_location']}")


def _must_be_completed(job: dict[str, Any]) -> None:
    if job["status"] != JobStatus.COMPLETED:
        raise typer.Exit(FAILED)
