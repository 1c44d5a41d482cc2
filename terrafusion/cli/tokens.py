"""`tokens`: who may use the view and the topics; made and revoked at the database, so that the first one can be made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from models.access import Action, Deed, NewToken, Role, Token
from terrafusion.cli.configuration import database, read_settings
from terrafusion.cli.output import Json, note, tell
from terrafusion.cli.steering import user
from terrafusion.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from terrafusion.ports.access import AuditLog, Credentials

T = TypeVar("T")
Ask = Callable[["Credentials", "AuditLog"], Awaitable[T]]
LONGEST_NAME = 100

Name = Annotated[
    str, typer.Option("--name", metavar="N", help="Whose it is; told with what they do.", show_default=False)
]
Of = Annotated[
    list[str] | None, typer.Option("--county", metavar="ID", help="Only this county; may be given again. Else all.")
]
Days = Annotated[float | None, typer.Option("--expires", metavar="DAYS", min=0.001, help="Until it ends by itself.")]

tokens = typer.Typer(help="Who may do what, over HTTP and on the topics.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tokens, name="tokens")


@tokens.command()
def create(
    *,
    name: Name,
    role: Annotated[Role, typer.Option(help="What it may do; each role includes those before it.", show_default=False)],
    county: Of = None,
    expires: Days = None,
    json: Json = False,
) -> None:
    """Make a token and print it, this once: only its digest is kept."""
    from terrafusion.cli.loading import check_county  # noqa: PLC0415 - slow to import
    from terrafusion.usecases.token_holders import TOKEN, digest_of, new_secret  # noqa: PLC0415

    _check_name(name)
    for each in county or ():
        check_county(each)
    secret = new_secret(TOKEN)
    counties = frozenset(county) if county else None
    new = NewToken(name=name, role=role, counties=counties, digest=digest_of(secret), days=expires, created_by=user())

    async def made(credentials: Credentials, log: AuditLog) -> Token:
        token = await credentials.create(new)
        await log.write(_deed(Action.CREATE_TOKEN, token))
        return token

    token = _asked(made)
    tell({**_body(token), "token": secret}, secret, json=json)
    note(f"Token {token.id}, {_reach(token)}. It is shown this once.")


@tokens.command("list")
def list_tokens(*, json: Json = False) -> None:
    """List the tokens, also those that are no longer in force."""
    found = _asked(lambda credentials, _: credentials.tokens())
    tell({"tokens": [_body(token) for token in found]}, "\n".join(_lines(found)) or "There is no token.", json=json)


@tokens.command()
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The token's number.", show_default=False)],
    *,
    json: Json = False,
) -> None:
    """End a token, and the sessions that it opened, within seconds."""

    async def ended(credentials: Credentials, log: AuditLog) -> Token:
        token = await credentials.revoke(token_id)
        if token is None:
            raise NotFound(f"no token has the id {token_id}", field="id", value=token_id)
        await log.write(_deed(Action.REVOKE_TOKEN, token))
        return token

    token = _asked(ended)
    tell(_body(token), f"Token {token.id} of {token.name} is revoked.", json=json)


def _check_name(name: str) -> None:
    if not (name.strip() and name.isprintable() and name.isascii() and len(name) <= LONGEST_NAME):
        allowed = f"1 to {LONGEST_NAME} printable ASCII characters"
        raise InvalidRequest(f"--name is {name[:LONGEST_NAME]!r}; allowed are {allowed}", field="name", allowed=allowed)


def _asked(ask: Ask[T]) -> T:
    async def asked() -> T:
        from terrafusion.adapters.postgres.credentials import (  # noqa: PLC0415 - slow to import
            PostgresAuditLog,
            PostgresCredentials,
        )
        from terrafusion.adapters.postgres.engine import make_engine  # noqa: PLC0415

        engine = make_engine(database(read_settings()), connections=1)
        try:
            return await ask(PostgresCredentials(engine), PostgresAuditLog(engine))
        finally:
            await engine.dispose()

    return asyncio.run(asked())


def _deed(action: Action, token: Token) -> Deed:
    return Deed(action=action, outcome="done", who=user(), detail=f"{token.id}, {token.name}: {_reach(token)}")


def _body(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "counties": None if token.counties is None else sorted(token.counties),
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }


def _lines(found: Sequence[Token]) -> Iterator[str]:
    for token in found:
        ends = ((token.revoked_at, "revoked"), (token.expires_at, "until"))
        told = "".join(f"  {word} {moment:%Y-%m-%d}" for moment, word in ends if moment)
        yield f"{token.id:>4}  {token.name}  {_reach(token)}  since {token.created_at:%Y-%m-%d}{told}"


def _reach(token: Token) -> str:
    return f"{token.role} of {'all counties' if token.counties is None else ', '.join(sorted(token.counties))}"
