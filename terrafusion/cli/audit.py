"""`audit`: who did what, asked of a worker over HTTP with an operator's token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from models.access import Action
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import Json, note, tell


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)


def audit(
    *,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Only what they did.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only this.")] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="WORD", help="Only with this outcome: done, forbidden, …")
    ] = None,
    county: Annotated[str | None, typer.Option("--county", metavar="ID", help="Only of this county.")] = None,
    job_id: Annotated[UUID | None, typer.Option("--job", metavar="ID", help="Only about this job.")] = None,
    since: Annotated[str | None, typer.Option(metavar="ISO", help="Then or later: 2026-11-30T12:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="ISO", help="Before then.")] = None,
    limit: Annotated[int, typer.Option(help="Entries on a page, 1 to 500.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Where the page begins: the last one's next_cursor.")] = None,
    json: Json = False,
) -> None:
    """Tell who did what, newest first."""
    from terrafusion.cli.view import view_of  # noqa: PLC0415 - aiohttp is slow to import

    wanted = {"who": who, "action": action, "outcome": outcome, "county_id": county, "job_id": job_id}
    page = asyncio.run(
        view_of(read_settings()).get("audit", **wanted, since=since, until=until, limit=limit, cursor=cursor)
    )
    tell(page, "\n".join(_lines(page["entries"])) or "No entry is like that.", json=json)
    if page["next_cursor"] and not json:
        note(f"There are more: --cursor {page['next_cursor']}")


def _lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        at = f"{datetime.fromisoformat(entry['at']).astimezone():%Y-%m-%d %H:%M:%S}"
        number = f" #{entry['token_id']}" if entry["token_id"] else ""
        told = (entry["county_id"], entry["job_id"], entry["letter_id"], entry["detail"], entry["address"])
        about = "  ".join(str(part) for part in told if part is not None)
        yield f"{at}  {entry['who'] or '-'}{number}  {entry['action']}  {entry['outcome']}  {about}".rstrip()
