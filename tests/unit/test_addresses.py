"""One address for two drivers: whatever a password or a path is made of, both read the same."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from terrafusion.adapters.postgres.engine import security, shared_dsn, without_password
from terrafusion.settings import Settings


def test_tls_and_login_stand_in_the_query() -> None:
    settings = Settings(database_url=SecretStr("postgresql+asyncpg://a:p%40ss@host:5433/db"), database_tls="require")
    dsn = shared_dsn(settings.database, application_name="terrafusion load")
    assert dsn == (
        "postgresql://host:5433/db?sslmode=require&user=a&password=p%40ss&application_name=terrafusion%20load"
    )
    assert security(settings.database) == "encrypted, the server is not verified"


def test_a_socket_is_an_address_too() -> None:
    url = make_url("postgresql+asyncpg://a@/db?host=/var/run/postgresql")
    assert shared_dsn(url) == "postgresql:///db?host=%2Fvar%2Frun%2Fpostgresql&user=a"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_is_read_as_it_was_given_and_never_shown(password: str) -> None:
    url = URL.create("postgresql+asyncpg", "a", password, "localhost", 5432, "db")
    dsn = shared_dsn(make_url(url.render_as_string(hide_password=False)))
    assert parse_qs(urlsplit(dsn).query, strict_parsing=True)["password"] == [password]
    assert password not in without_password(f"no entry for <{password}> in <{dsn}>", url).replace("*", "")
