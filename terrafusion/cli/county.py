"""`county`: how a county writes its records, set and looked up."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from models.messages import Note
from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import Json, emit, say, stdout
from terrafusion.cli.steering import user
from terrafusion.errors import InvalidRequest, NotFound
from terrafusion.validation_messages import rejection

if TYPE_CHECKING:
    from terrafusion.adapters.postgres.profiles import Revision
    from terrafusion.analysis.profile import CountyProfile

READERS: Final[Mapping[str, Callable[[str], Any]]] = {".toml": tomllib.loads, ".json": orjson.loads}
TIME: Final = "%Y-%m-%d %H:%M"

ProfilePath = Annotated[Path, typer.Argument(metavar="FILE", help="TOML or JSON: the profile, and its county_id.")]
CountyOption = Annotated[str | None, typer.Option("--county", help="The county, where the file does not name it.")]
By = Annotated[str | None, typer.Option("--by", help="Who sets it; default: the user of this process.")]
CountyId = Annotated[str, typer.Argument(metavar="ID", help="The county.")]
RevisionNumber = Annotated[int | None, typer.Option("--revision", min=1, help="A former profile, as `history` counts.")]

county = typer.Typer(help="How a county writes its records.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(county, name="county")


@county.command("set")
def set_(file: ProfilePath, *, county: CountyOption = None, by: By = None, json: Json = False) -> None:
    """Set a county's profile.

    What the file does not say goes back to its default. The county's records get a new data version with it.
    """
    from terrafusion.adapters.objects import Objects  # noqa: PLC0415 - slow to import, as what follows
    from terrafusion.adapters.postgres.governing import set_profile  # noqa: PLC0415
    from terrafusion.cli.loading import SHORT_VERSION  # noqa: PLC0415

    named, profile = read_profile(file, county)
    who = _signed(by)
    settings = read_settings()
    url, objects = database(settings), Objects.of(settings)
    done = set_profile(url, objects, named, profile, by=who)
    if json:
        emit({"county_id": named, "profile": profile.model_dump(mode="json"), **asdict(done)})
        return
    say(f"{named}: {'set' if done.changed else 'unchanged'}, revision {done.revision}")
    if done.data_version:
        say(f"Data version {done.data_version[:SHORT_VERSION]} ({'new' if done.is_new_version else 'unchanged'})")
    else:
        say("Nothing of the county is loaded yet; its first load begins with this profile.")


@county.command()
def show(id_: CountyId, *, revision: RevisionNumber = None, json: Json = False) -> None:
    """Show a county's profile, the one in force or a former one."""
    known = _history(id_)
    found = known[-1] if revision is None else next((each for each in known if each.revision == revision), None)
    if found is None:
        message = f"revision is {revision}; county {id_} has 1 to {known[-1].revision}"
        raise NotFound(message, field="revision", value=revision, allowed=f"1 to {known[-1].revision}")
    if json:
        emit({"county_id": id_, **_document(found)})
    else:
        say(f"{id_}, revision {found.revision}, {_origin(found)}")
        say(orjson.dumps(found.profile.model_dump(mode="json"), option=orjson.OPT_INDENT_2).decode())


@county.command()
def history(id_: CountyId, *, json: Json = False) -> None:
    """List every profile that a county had, the one in force last."""
    known = _history(id_)
    if json:
        emit({"county_id": id_, "revisions": [_document(each) for each in known]})
        return
    table = Table("revision", "set at", "by", "what it holds", box=None)
    for each in known:
        table.add_row(str(each.revision), f"{each.set_at:{TIME}}", each.set_by or "a load", _gist(each.profile))
    stdout.print(table)


def read_profile(file: Path, county: str | None, *, unnamed: str | None = None) -> tuple[str, CountyProfile]:
    """Read a profile and the county it is of, ``unnamed`` where nobody says; raises InvalidRequest."""
    from terrafusion.analysis.profile import CountyProfile  # noqa: PLC0415
    from terrafusion.cli.loading import check_county  # noqa: PLC0415

    given = dict(_content(file))
    named = _county_of(file, given.pop("county_id", unnamed if county is None else None), county)
    check_county(named)
    try:
        return named, CountyProfile.model_validate_json(orjson.dumps(given))
    except ValidationError as error:
        raise rejection(error, InvalidRequest, CountyProfile) from error


def _county_of(file: Path, in_file: Any, county: str | None) -> str:
    """Say which county is meant; raises InvalidRequest where none is named, or two are."""
    if county is not None and in_file not in (None, county):
        message = f"county is {county!r}, and county_id in {file.name} is {in_file!r}; they disagree"
        raise InvalidRequest(message, field="county", value=county, allowed="one county")
    named = in_file if county is None else county
    if named is None:
        message = f"county is missing; --county or county_id in {file.name} must name it"
        raise InvalidRequest(message, field="county", allowed="one county")
    if not isinstance(named, str):
        message = f"county_id in {file.name} is {named!r}; it must be text"
        raise InvalidRequest(message, field="county_id", value=named, allowed="text")
    return named


def _signed(by: str | None) -> str:
    """Say who sets a profile; raises InvalidRequest where that is no line of text, or nobody knows."""
    name = user() if by is None else by
    allowed = "one line of 1 to 200 characters"
    if name is None:
        message = f"by is missing, and this machine has no name for the user of this process; --by is {allowed}"
        raise InvalidRequest(message, field="by", allowed=allowed)
    try:
        return TypeAdapter[str](Note).validate_python(name)
    except ValidationError as error:
        message = f"by is {name[:100]!r}; allowed is {allowed}"
        raise InvalidRequest(message, field="by", value=name, allowed=allowed) from error


def _content(file: Path) -> Mapping[str, Any]:
    reader = READERS.get(file.suffix.lower())
    allowed = f"a file that ends in {' or '.join(READERS)} and holds a table of fields"
    try:
        content = reader(file.read_text(encoding="utf-8")) if reader else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"file is {str(file)!r}, which cannot be read: {reason}; allowed is {allowed}"
        raise InvalidRequest(message, field="file", value=str(file), allowed=allowed) from error
    if not isinstance(content, Mapping):
        message = f"file is {str(file)!r}; allowed is {allowed}"
        raise InvalidRequest(message, field="file", value=str(file), allowed=allowed)
    return content


def _history(county_id: str) -> Sequence[Revision]:
    from terrafusion.adapters.postgres.governing import profile_history  # noqa: PLC0415
    from terrafusion.cli.loading import check_county  # noqa: PLC0415

    check_county(county_id)
    known = profile_history(database(read_settings()), county_id)
    if not known:
        message = (
            f"county is {county_id!r}, of which nothing is set or loaded; `terrafusion counties` lists those known"
        )
        raise NotFound(message, field="county", value=county_id)
    return known


def _document(revision: Revision) -> dict[str, Any]:
    return asdict(revision) | {"profile": revision.profile.model_dump(mode="json")}


def _origin(revision: Revision) -> str:
    return f"set by {revision.set_by or 'a load'} at {revision.set_at:{TIME}}"


def _gist(profile: CountyProfile) -> str:
    """Name the fields that differ from a profile's defaults, and how much they hold."""
    said = profile.model_dump(exclude_defaults=True)
    parts = [f"{name} {len(value) if isinstance(value, Mapping) else value}" for name, value in said.items()]
    return ", ".join(parts) or "the defaults"
