"""Orders from the command line, given to a worker over HTTP: cancel, retry, pause, resume."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import typer

from terrafusion.cli.arguments import Id
from terrafusion.cli.completion import analysis_types, counties
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, note, tell
from terrafusion.errors import InvalidRequest

Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who ask.")]
OfCounty = Annotated[
    str | None, typer.Option("--county", metavar="ID", help="Only this county.", autocompletion=counties)
]
OfType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only this type.", autocompletion=analysis_types)
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (cancel, retry, pause, resume, pauses):
        app.command()(command)


def cancel(job_id: Id, *, reason: Reason = None, json: Json = False) -> None:
    """End a job that waits or runs.

    Exit 1 where it has ended already.
    """
    job = _post("cancel", str(job_id), reason=reason)
    tell(job, f"Job {job['job_id']} is {job['status']}: {job['message']}.", json=json)


def retry(
    job_id: Id,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress, then the new job as it ended.")] = False,
    json: Json = False,
) -> None:
    """Ask again what a job was asked, as a new job.

    Its id is printed; it is answered from the records as they are now, without a deadline that has passed. Exit 1
    while the job has not ended.
    """
    from terrafusion.cli.jobs import watch  # noqa: PLC0415 - it imports this package's larger half

    job = _post("retry", str(job_id))
    if wait:
        watch(UUID(job["job_id"]), json=json)
        return
    tell(job, job["job_id"], json=json)
    note(f"Sent; `terrafusion watch {job['job_id']}` follows it.")


def pause(*, county: OfCounty = None, type_: OfType = None, reason: Reason = None, json: Json = False) -> None:
    """Have the intake, a county or a type stand still.

    What runs goes on. Requests for a county or a type are accepted and wait; a paused intake leaves them on their topic.
    """
    paused = _post("pause", **_named(county, type_), reason=reason)
    tell(paused, f"Paused: {_pause_line(paused)}", json=json)


def resume(*, county: OfCounty = None, type_: OfType = None, json: Json = False) -> None:
    """Let the intake, a county or a type go on."""
    named = _named(county, type_)
    resumed = _post("resume", **named)
    was = "goes on" if resumed["was_paused"] else "was not paused"
    tell(resumed, f"{next((name for name in named.values() if name), 'The intake')} {was}.", json=json)


def pauses(*, json: Json = False) -> None:
    """List what stands still."""
    from terrafusion.cli.view import view_of  # noqa: PLC0415 - aiohttp is slow to import

    told = asyncio.run(view_of(read_settings()).get("pauses"))
    tell(told, "\n".join(map(_pause_line, told["pauses"])) or "Nothing is paused.", json=json)


def _named(county: str | None, type_: str | None) -> dict[str, str | None]:
    if county is not None and type_ is not None:
        raise InvalidRequest("--type is given beside --county; allowed is one of them, or neither for the intake")
    return {"county_id": county, "analysis_type": type_}


def _post(*path: str, **said: str | None) -> dict[str, Any]:
    from terrafusion.cli.view import view_of  # noqa: PLC0415

    body = {name: value for name, value in said.items() if value is not None}
    return asyncio.run(view_of(read_settings()).post(*path, body=body, headers=signature()))


def signature() -> Mapping[str, str]:
    """Say who is at this terminal, where the machine knows and a header can hold it."""
    name = user()
    return {"X-Requested-By": name} if name and name.isascii() and name.isprintable() else {}


def user() -> str | None:
    """Return the name of this process' user; None where the machine has none for it, as in many containers."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return None


def _pause_line(pause: Mapping[str, Any]) -> str:
    named = pause["county_id"] or pause["analysis_type"]
    what = f"{pause['scope']} {named}" if named else str(pause["scope"])
    by = f" by {pause['requested_by']}" if pause["requested_by"] else ""
    return f"{what}, since {pause['created_at']}{by}{': ' + pause['reason'] if pause['reason'] else ''}"
