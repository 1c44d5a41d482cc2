"""The settings of a command, with wrong ones as one sentence."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from terrafusion.errors import Misconfigured
from terrafusion.settings import Settings


def read_settings(**given: Any) -> Settings:
    """Read the environment; what a command line gives beside it wins. Raises Misconfigured, never with the value."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured(f"TERRAFUSION_{name}: {first['msg'].removeprefix('Value error, ')}") from None
    except ArgumentError:
        raise Misconfigured("TERRAFUSION_DATABASE_URL: is no URL of a database") from None


def database(settings: Settings) -> URL:
    """Return the database's address; raises Misconfigured where none is set."""
    if settings.database_url is None:
        raise Misconfigured("TERRAFUSION_DATABASE_URL is not set; `terrafusion dev` prints one.")
    return settings.database


def brokers(settings: Settings) -> str:
    """Return Kafka's address; raises Misconfigured where none is set."""
    if not settings.kafka_bootstrap:
        raise Misconfigured("TERRAFUSION_KAFKA_BOOTSTRAP is not set; `terrafusion dev` prints one.")
    return settings.kafka_bootstrap
