"""The settings of a command, with wrong ones as one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from terrafusion.errors import Misconfigured
from terrafusion.validation_messages import must

if TYPE_CHECKING:
    from sqlalchemy import URL

    from terrafusion.adapters.broker import Broker
    from terrafusion.settings import Settings


def read_settings(**given: Any) -> Settings:
    """Read the environment; what a command line gives beside it wins. Raises Misconfigured, never with a secret."""
    from pydantic_settings import SettingsError  # noqa: PLC0415

    from terrafusion.settings import Settings  # noqa: PLC0415 - slow to import, and help needs none

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        complaint = must(first)
        raise Misconfigured(f"TERRAFUSION_{name}: {complaint}" if name else complaint) from None
    except SettingsError as error:
        raise Misconfigured(f"TERRAFUSION_SECRETS_DIR: {error}: {type(error.__cause__).__name__}") from None


def database(settings: Settings) -> URL:
    """Return the database's address with its TLS; raises Misconfigured where none is set."""
    if settings.database_url is None:
        raise Misconfigured("TERRAFUSION_DATABASE_URL is not set; `terrafusion dev` prints one.")
    return settings.database


def brokers(settings: Settings) -> Broker:
    """Return the brokers and how to speak to them; raises Misconfigured where none are set."""
    if not settings.kafka_bootstrap:
        raise Misconfigured("TERRAFUSION_KAFKA_BOOTSTRAP is not set; `terrafusion dev` prints one.")
    from terrafusion.adapters.broker import Broker  # noqa: PLC0415 - aiokafka is slow to import

    return Broker.of(settings)
