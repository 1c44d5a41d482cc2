"""Wrong settings are one sentence, and secrets stay out of it."""

from __future__ import annotations

import pytest

from terrafusion.cli.configuration import brokers, database, read_settings
from terrafusion.errors import Misconfigured


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "HTTP_PORT"):
        monkeypatch.delenv(f"TERRAFUSION_{name}", raising=False)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DATABASE_URL", "postgresql://u:secret@h/d", "must begin with postgresql\\+asyncpg://"),
        ("DATABASE_URL", "secret", "is no URL of a database"),
        ("HTTP_PORT", "65536", "less than or equal to 65535"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(f"TERRAFUSION_{name}", value)
    with pytest.raises(Misconfigured, match=f"TERRAFUSION_{name}: .*{complaint}") as raised:
        read_settings()
    assert "secret" not in str(raised.value)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFUSION_HTTP_PORT", "7000")
    assert read_settings(http_port=None).http_port == 7000
    assert read_settings(http_port=0).http_port == 0


def test_services_that_are_not_set_are_asked_for() -> None:
    with pytest.raises(Misconfigured, match="TERRAFUSION_DATABASE_URL is not set"):
        database(read_settings())
    with pytest.raises(Misconfigured, match="TERRAFUSION_KAFKA_BOOTSTRAP is not set"):
        brokers(read_settings())


def test_a_password_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", "postgresql+asyncpg://u:secret@localhost/d")
    assert read_settings().shown["database_url"] == "postgresql+asyncpg://u:***@localhost/d"
