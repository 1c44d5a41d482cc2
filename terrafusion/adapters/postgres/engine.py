"""Connections to Postgres, and its errors in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import asyncpg
import orjson
from sqlalchemy import URL, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from terrafusion.errors import Unavailable, UnstorableData

RETRYABLE: Final = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})
"""SQLSTATEs that say: the same again, later."""
IDLE_MS: Final = 10_000
"""A process stopped between two statements of a transaction holds up the others no longer."""
TRANSACTIONS_END_SINCE: Final = 17
"""Postgres of this version and later ends a transaction by its age, whatever it waits for: one amid a statement as well,
of a process that was stopped between the parts of its message, is to Postgres neither idle nor at work for too long."""
CONNECT_S: Final = 5.0
STATEMENT_S: Final = 30.0
KEEPALIVE: Final = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""Postgres ends the session of a machine that vanished after 25 s, and with it its locks; by itself it waits two hours."""
UNHEARD_MS: Final = 25_000
"""A process stopped amid an answer holds up the others no longer. As long as the probes take: where this is set Linux
goes by it and does not count them, and were it shorter one that is lost on the way would end an idle session."""
SESSION: Final = {
    **KEEPALIVE,
    "application_name": "terrafusion",
    "jit": "off",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": str(IDLE_MS),
    "tcp_user_timeout": str(UNHEARD_MS),
}
SECURITY: Final = {
    "disable": "not encrypted",
    "require": "encrypted, the server is not verified",
    "verify-full": "encrypted, the server is verified",
}
TURNED_AWAY: Final = ("08", "28", "3D")
"""Classes that say: no connection, or not for this user, or not to this database."""
DATA_ERRORS: Final = ("22", "23")
"""Classes of SQLSTATE that say: these very rows cannot be stored."""


def shared_dsn(url: URL, **more: str) -> str:
    """Return an address as libpq and asyncpg both read it, its TLS with it (`Settings.database`); a secret."""
    login = {"user": url.username, "password": url.password}
    query = {**url.query, **{name: value for name, value in login.items() if value}, **more}
    place = URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    return f"{place.render_as_string()}?{urlencode(query, doseq=True, quote_via=quote)}"


def without_password(sentence: str, url: URL) -> str:
    """Hide the password of an address in what a driver says, plain or as it stands in a URL."""
    for secret in (url.password, quote(url.password or "", safe="")):
        sentence = sentence.replace(secret, "***") if secret else sentence
    return sentence


async def connect(url: URL, *, statement_s: float | None) -> asyncpg.Connection[Any]:
    """Open one connection that never waits for ever: 5 s to connect, ``statement_s`` a statement, a transaction twice that."""
    limits = {"timeout": CONNECT_S, "command_timeout": statement_s}
    connection = await asyncpg.connect(shared_dsn(url), **limits, server_settings=SESSION)
    try:
        if statement_s and connection.get_server_version().major >= TRANSACTIONS_END_SINCE:
            await connection.execute(f"SET transaction_timeout = {round(2000 * statement_s)}")
    except BaseException:
        connection.terminate()
        raise
    return connection


def make_engine(url: URL, *, connections: int, statement_s: float | None = STATEMENT_S) -> AsyncEngine:
    """Make an engine of such connections. Of those that there are when a statement gets no answer in time none is used again."""
    engine = create_async_engine(
        url,
        async_creator=partial(connect, url, statement_s=statement_s),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "handle_error", _give_up_silent)
    return engine


def _give_up_silent(context: ExceptionContext) -> None:
    """Take silence for an end: what forgot one connection on the way, and tells nobody, has forgotten those beside it."""
    if isinstance(context.original_exception, TimeoutError):
        context.invalidate_pool_on_disconnect = True


def security(url: URL) -> str:
    """Say, for a person, how safe connections to this address are."""
    return SECURITY.get(str(url.query.get("sslmode")), "encrypted where the server offers it, which nobody verifies")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction; raises Unavailable where trying again may help, UnstorableData for a bad value."""
    with in_our_words():
        async with engine.begin() as connection:
            yield connection


def single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Return the same connections for statements that are a transaction each, without BEGIN and COMMIT around them."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One connection, kept; its transactions are the caller's. Raises as `transaction` does."""
    with in_our_words():
        async with engine.connect() as connection:
            yield connection


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise Unavailable and UnstorableData in place of what the driver raises."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error) from error
    except (
        OSError,
        TimeoutError,
        SQLAlchemyTimeout,
        asyncpg.PostgresConnectionError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InterfaceError,
    ) as error:
        msg = f"Postgres cannot be reached: {str(error) or type(error).__name__}"
        raise Unavailable(msg) from error


def translated(error: DBAPIError) -> Exception:
    """Say what a driver's error means to us; what means nothing stays as it is."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if (
        error.connection_invalidated
        or state in RETRYABLE
        or state.startswith(TURNED_AWAY)
        or isinstance(error, InterfaceError)
    ):
        return Unavailable(f"Postgres cannot do this now: {error.orig}")
    if state.startswith(DATA_ERRORS) or isinstance(error.orig, asyncpg.DataError):
        return UnstorableData(str(error.orig))
    return error
