"""The TLS that settings ask for, against that of Postgres itself; the embedded one's build has none, the machine's may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from adbc_driver_postgresql import dbapi
from pydantic import SecretStr
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection
from support.secured import Office, TlsPostgres, tls_binaries

from terrafusion.adapters.postgres.engine import make_engine, shared_dsn, transaction
from terrafusion.errors import Unavailable
from terrafusion.settings import Settings

pytestmark = pytest.mark.skipif(tls_binaries() is None, reason="no Postgres on this machine whose build has TLS")
IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
PASSWORD = "p+ss @%/w'rd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def office(folder: Path) -> Office:
    return Office(folder / "office")


@pytest.fixture(scope="module")
def server(folder: Path, office: Office) -> Iterator[TlsPostgres]:
    with TlsPostgres(folder / "postgres", office, password=PASSWORD) as running:
        yield running


def address(url: str, **given: Any) -> URL:
    return Settings(database_url=SecretStr(url), **given).database


@asynccontextmanager
async def connected(url: URL) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(url, connections=1)
    try:
        async with transaction(engine) as connection:
            yield connection
    finally:
        await engine.dispose()


@pytest.mark.parametrize("tls", ["require", "verify-full"])
async def test_both_drivers_encrypt(server: TlsPostgres, office: Office, tls: str) -> None:
    authority = {"database_ca_file": office.authority} if tls == "verify-full" else {}
    url = address(server.url, database_tls=tls, **authority)
    async with connected(url) as connection:
        assert (await connection.execute(text(IS_ENCRYPTED))).scalar_one() is True
    with dbapi.connect(shared_dsn(url)) as libpq, libpq.cursor() as cursor:
        cursor.execute(IS_ENCRYPTED)
        assert cursor.fetch_polars().item() is True


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"database_tls": "disable"}, "no encryption"),
        ({"database_tls": "verify-full", "database_ca_file": "stranger"}, "certificate verify failed"),
    ],
)
async def test_neither_goes_on_without(server: TlsPostgres, folder: Path, given: Mapping[str, str], why: str) -> None:
    if "database_ca_file" in given:
        given = {**given, "database_ca_file": Office(folder / "stranger").authority}
    url = address(server.url, **given)
    with pytest.raises(Unavailable, match=why):
        async with connected(url):
            pass
    with pytest.raises(dbapi.Error, match=why):
        dbapi.connect(shared_dsn(url))


async def test_a_certificate_may_stand_for_a_password(server: TlsPostgres, office: Office) -> None:
    url = URL.create(
        "postgresql+asyncpg", "terrafusion", None, "127.0.0.1", server.port, "cert_only"
    ).render_as_string()
    ours = {"database_cert_file": office.client_cert, "database_key_file": office.client_key}
    certified = address(url, database_tls="verify-full", database_ca_file=office.authority, **ours)
    async with connected(certified) as connection:
        assert (await connection.execute(text("SELECT current_database()"))).scalar_one() == "cert_only"
    with dbapi.connect(shared_dsn(certified)) as libpq, libpq.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetch_polars().item() == "cert_only"
    with pytest.raises(Unavailable, match="certificate"):
        async with connected(address(url, database_tls="verify-full", database_ca_file=office.authority)):
            pass
