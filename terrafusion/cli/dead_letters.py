"""`dead-letters`: what could not be used, asked of a worker over HTTP; replayed and discarded, one or many."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import typer

from models.dead_letters import LetterState, Stage
from terrafusion.cli.configuration import read_settings
from terrafusion.cli.output import FAILED, Json, note, stderr, tell
from terrafusion.cli.steering import signature
from terrafusion.errors import InvalidRequest, MalformedMessage, Rejected, TerraFusionError
from topics.requests import read_json

PATH: Final = "dead-letters"
TOLD_APART: Final = ("key", "headers", "value")
NEWEST: Final = 500
"""Letters that are looked at for the last moment: ids and moments need not rise together where workers write at once."""

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="The dead letter's number.", show_default=False)]
Ids = Annotated[
    list[int] | None, typer.Argument(metavar="ID", min=1, help="Numbers of dead letters.", show_default=False)
]
State = Annotated[Literal["open", "replayed", "discarded", "all"], typer.Option(help="Only in this state.")]
Topic = Annotated[str | None, typer.Option(metavar="NAME", help="Only what came from this topic.")]
InStage = Annotated[Stage | None, typer.Option(help="Only what this step refused.")]
Class = Annotated[str | None, typer.Option("--error-class", metavar="NAME", help="Only with this class of error.")]
OfJob = Annotated[UUID | None, typer.Option("--job", metavar="ID", help="Only of this job.")]
OfCounty = Annotated[str | None, typer.Option("--county", metavar="ID", help="Only what names this county.")]
OfType = Annotated[str | None, typer.Option("--type", metavar="NAME", help="Only what names this analysis type.")]
Since = Annotated[str | None, typer.Option(metavar="ISO", help="Kept then or later: 2026-11-30T12:00:00Z.")]
Until = Annotated[str | None, typer.Option(metavar="ISO", help="Kept before then.")]
Every = Annotated[bool, typer.Option("--all", help="All that are open.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before dealing with many.")]
Value = Annotated[
    Path | None,
    typer.Option(metavar="FILE", exists=True, dir_okay=False, help="What should have been sent, as JSON; for one ID."),
]
Why = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why nothing needs to be done.", show_default=False)]

Body = Mapping[str, Any]

letters = typer.Typer(help="What could not be used: look at it, replay it, discard it.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(letters, name="dead-letters")


@letters.command("list")
def list_letters(
    *,
    state: State = "open",
    topic: Topic = None,
    stage: InStage = None,
    error_class: Class = None,
    job_id: OfJob = None,
    county_id: OfCounty = None,
    analysis_type: OfType = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="Dead letters on a page, 1 to 500.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page begins: the last one's next_cursor.")] = None,
    json: Json = False,
) -> None:
    """List dead letters, newest first: those that are open, unless told otherwise."""
    filters = _filters(topic, stage, error_class, job_id, county_id, analysis_type, since, until)
    page = _get(state=state, limit=limit, cursor=cursor, **filters)
    is_default = state == "open" and not filters and cursor is None
    none = "No dead letter is open." if is_default else "No dead letter is like that."
    tell(page, "\n".join(_page_lines(page["dead_letters"])) or none, json=json)
    if page["next_cursor"] and not json:
        note(f"There are {page['total']} in all; more with --cursor {page['next_cursor']}")


@letters.command()
def show(letter_id: Id, *, json: Json = False) -> None:
    """Print a dead letter, whole."""
    letter = _get(str(letter_id))
    tell(letter, "\n".join(_letter_lines(letter)), json=json)


@letters.command()
def replay(
    ids: Ids = None,
    *,
    value: Value = None,
    every: Every = False,
    topic: Topic = None,
    stage: InStage = None,
    error_class: Class = None,
    job_id: OfJob = None,
    county_id: OfCounty = None,
    analysis_type: OfType = None,
    since: Since = None,
    until: Until = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put dead letters to work again where they came from: by ID, by what they have in common, or all.

    One ID may be corrected with --value. What is refused again stays open. Exit 1 where one was not replayed.
    """
    filters = _filters(topic, stage, error_class, job_id, county_id, analysis_type, since, until)
    _check_choice(ids, filters, every=every)
    body = {} if value is None else {"value": _read(value, ids or [])}
    _tell_as_done(_each("replay", ids, body) if ids else _all("replay", filters, {}, yes=yes), json=json)


@letters.command()
def discard(
    ids: Ids = None,
    *,
    why: Why,
    every: Every = False,
    topic: Topic = None,
    stage: InStage = None,
    error_class: Class = None,
    job_id: OfJob = None,
    county_id: OfCounty = None,
    analysis_type: OfType = None,
    since: Since = None,
    until: Until = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put dead letters aside, with the reason: by ID, by what they have in common, or all.

    Exit 1 where one was not discarded.
    """
    filters = _filters(topic, stage, error_class, job_id, county_id, analysis_type, since, until)
    _check_choice(ids, filters, every=every)
    body = {"note": why}
    _tell_as_done(_each("discard", ids, body) if ids else _all("discard", filters, body, yes=yes), json=json)


def _filters(*given: Any) -> dict[str, Any]:
    names = ("topic", "stage", "error_class", "job_id", "county_id", "analysis_type", "since", "until")
    return {name: value for name, value in zip(names, given, strict=True) if value is not None}


def _check_choice(ids: Sequence[int] | None, filters: Body, *, every: bool) -> None:
    """Hold that it is clear which letters are meant; nothing is ever meant by default."""
    if sum((bool(ids), bool(filters), every)) != 1:
        given = ", ".join(name for name, is_given in (("ID", ids), ("filters", filters), ("--all", every)) if is_given)
        msg = f"Which dead letters is not clear: given was {given or 'nothing'}; allowed is one of ID, filters or --all"
        raise InvalidRequest(msg, field="ID", allowed="ID, filters or --all")


def _read(file: Path, ids: Sequence[int]) -> dict[str, Any]:
    """Read a corrected value as strictly as a request is read; raises InvalidRequest."""
    if len(ids) != 1:
        msg = f"--value corrects one dead letter; given were {len(ids)} IDs"
        raise InvalidRequest(msg, field="value", allowed="one ID")
    try:
        value = read_json(file.read_bytes())
    except Rejected as error:
        msg = f"--value {file}: {error}"
        raise InvalidRequest(msg, field="value") from error
    if not isinstance(value, dict):
        msg = f"--value {file}: it must hold a JSON object"
        raise MalformedMessage(msg, field="value", allowed="a JSON object")
    return value


def _each(verb: str, ids: Sequence[int], body: Body) -> Iterator[Body]:
    return (_one(verb, letter_id, body) for letter_id in dict.fromkeys(ids))


def _one(verb: str, letter_id: int, body: Body) -> Body:
    try:
        return _post(str(letter_id), verb, body=body)
    except Rejected as error:
        return {"id": letter_id, "done": False, "message": str(error), "job_id": None}


def _all(verb: str, filters: Body, body: Body, *, yes: bool) -> Iterator[Body]:
    """Deal with every open letter that fulfils the filters, once that was agreed to; a call at a time.

    What is kept after they were counted is not meant.
    """
    page = _get(limit=NEWEST, **filters)
    left, cursor = page["total"], "0"
    if not left:
        return
    _agree(verb, left, filters, yes=yes)
    counted = {**filters, "until": _after(page["dead_letters"])}
    while left and cursor:
        done = _post(verb, body={**body, "confirm": left}, query={**counted, "cursor": cursor})
        yield from done["outcomes"]
        left, cursor = left - len(done["outcomes"]), done["next_cursor"]


def _after(entries: Sequence[Body]) -> str:
    """Say the first moment after the newest of these letters; a clock of Postgres counts microseconds."""
    newest = max(datetime.fromisoformat(entry["created_at"]) for entry in entries)
    return (newest + timedelta(microseconds=1)).isoformat()


def _agree(verb: str, many: int, filters: Body, *, yes: bool) -> None:
    """Say what would be hit, and go on only where somebody says so."""
    like = (
        " with " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in filters.items()) if filters else ""
    )
    said = f"{verb} {many} open dead letter{'s' if many > 1 else ''}{like}"
    if yes:
        note(f"Going to {said}.")
    elif not sys.stdin.isatty():
        msg = f"Would {said}; --yes is needed where nobody can be asked"
        raise InvalidRequest(msg, field="yes", allowed="--yes")
    elif not typer.confirm(f"{said[:1].upper()}{said[1:]}?", err=True):
        raise typer.Exit(FAILED)


def _tell_as_done(outcomes: Iterable[Body], *, json: bool) -> None:
    """Tell what came of each letter, also of those before an error; Exit where one was refused."""
    told: list[Body] = []
    try:
        told.extend(outcomes)
    except TerraFusionError:
        if told:
            _tell_outcomes(told, json=json)
        raise
    if _tell_outcomes(told, json=json):
        raise typer.Exit(FAILED)


def _tell_outcomes(outcomes: Sequence[Body], *, json: bool) -> int:
    """Tell what came of letters; return how many stay as they are."""
    refused = sum(not outcome["done"] for outcome in outcomes)
    document = {"done": len(outcomes) - refused, "refused": refused, "outcomes": outcomes}
    lines = (f"{o['id']}  {'' if o['done'] else 'refused: '}{o['message']}" for o in outcomes)
    tell(document, "\n".join(lines) or "No open dead letter is like that.", json=json)
    if refused:
        stderr.print(f"{refused} of {len(outcomes)} stay as they are.", highlight=False, soft_wrap=True)
    return refused


def _get(*path: str, **query: Any) -> dict[str, Any]:
    from terrafusion.cli.view import view_of  # noqa: PLC0415 - aiohttp is slow to import

    return asyncio.run(view_of(read_settings()).get(PATH, *path, **query))


def _post(*path: str, body: Body, query: Body | None = None) -> dict[str, Any]:
    from terrafusion.cli.view import view_of  # noqa: PLC0415

    view = view_of(read_settings())
    return asyncio.run(view.post(PATH, *path, body=body, headers=signature(), query=query))


def _page_lines(entries: Sequence[Body]) -> Iterator[str]:
    """Tell letters, two lines each: which it is, and why."""
    for entry in entries:
        state = "" if entry["state"] == LetterState.OPEN else f"  {entry['state']}"
        yield f"{entry['id']}  {_moment(entry['created_at'])}  {entry['stage']}  {entry['error_class']}{state}"
        named = " ".join(entry[name] for name in ("county_id", "analysis_type") if entry.get(name))
        yield f"  {_place(entry)}{named and f', {named}'}: {entry['error_message']}"


def _letter_lines(letter: Body) -> Iterator[str]:
    """Tell a letter, a field a line, then its message; what is null is left out."""
    told = {name: value for name, value in letter.items() if name not in TOLD_APART and value is not None}
    for name, value in told.items():
        yield f"{name.replace('_', ' '):<16}{_moment(value) if name.endswith('_at') else value}"
    if letter["key"]:
        yield f"{'key':<16}{_content(letter['key'])}"
    for header in letter["headers"]:
        yield f"{'header':<16}{header['name']}: {_content(header)}"
    yield f"{'value':<16}{'null' if letter['value'] is None else _content(letter['value'])}"


def _content(told: Body) -> str:
    return str(told["text"]) if told["base64"] is None else f"base64 {told['base64']}"


def _place(entry: Body) -> str:
    if entry["offset"] is None:
        return str(entry["topic"])
    return f"{entry['topic']} {entry['partition']}/{entry['offset']}"


def _moment(written: str) -> str:
    """Say an instant in this machine's time, to the second."""
    return f"{datetime.fromisoformat(written).astimezone():%Y-%m-%d %H:%M:%S}"
