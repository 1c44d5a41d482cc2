"""The brokers and how we speak to them: the one place where settings become what each client of Kafka takes."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, UnsupportedSaslMechanismError
from pydantic import SecretStr

from terrafusion.errors import Unavailable
from terrafusion.settings import Settings
from terrafusion.settings_checks import SASL_PROTOCOLS, TLS_PROTOCOLS
from terrafusion.tls import client_context

PATIENCE_S: Final = 3.0
_lookup: Final = AIOKafkaClient.coordinator_lookup
_connection_to: Final = AIOKafkaClient._get_conn  # noqa: SLF001 - there is no other way in
SILENT: Final = "it does not answer in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of the brokers."""

    mechanism: str
    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the brokers are, how we encrypt and prove them, and who we are; written out, it is its address."""

    bootstrap: str
    tls: ssl.SSLContext | None = None
    login: Login | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the settings, which fit together."""
        files = (settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file)
        protocol = settings.kafka_security_protocol
        return cls(
            settings.kafka_bootstrap or "",
            tls=client_context(*files) if protocol in TLS_PROTOCOLS else None,
            login=_login(settings) if protocol in SASL_PROTOCOLS else None,
        )

    def __str__(self) -> str:
        return self.bootstrap

    @property
    def protocol(self) -> str:
        """Kafka's name of it."""
        return ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def security(self) -> str:
        """How safe the connection is, for a person."""
        user = f", as {self.login.username} by {self.login.mechanism}" if self.login else ""
        return f"{'encrypted, the broker is verified' if self.tls else 'not encrypted'}{user}"

    @property
    def options(self) -> dict[str, Any]:
        """What every client of aiokafka takes."""
        return {"bootstrap_servers": self.bootstrap, **self._connection}

    @property
    def _connection(self) -> dict[str, Any]:
        tls = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.login is None:
            return tls
        return {
            **tls,
            "sasl_mechanism": self.login.mechanism,
            "sasl_plain_username": self.login.username,
            "sasl_plain_password": self.login.password.get_secret_value(),
        }

    async def reach(self) -> None:
        """Connect to one of the brokers and leave again; raises Unavailable where none lets us in."""
        if refusal := await self._refusal():
            raise Unavailable(f"Kafka at {self} cannot be reached: {refusal}")

    async def trouble(self) -> str:
        """Say why a client could not connect: aiokafka tells that to its log alone, so the brokers are asked again."""
        asked = f"it answers, but not to what was asked; does this listener speak {self.protocol}?"
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._refusal() or asked
        except TimeoutError:
            return SILENT

    async def _refusal(self) -> str | None:
        refusal = None
        for broker in self.bootstrap.split(","):
            host, _, port = broker.strip().rpartition(":")
            refusal = await self._refused_by(host.strip("[]"), int(port))
            if refusal is None:
                return None
        return refusal

    async def _refused_by(self, host: str, port: int) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                connection = await create_conn(host, port, **self._connection)
        except TimeoutError:
            return SILENT
        except UnsupportedSaslMechanismError:
            return f"it does not take {self._connection['sasl_mechanism']}"
        except (KafkaConnectionError, ConnectionResetError):
            return f"it ends the conversation; does this listener speak {self.protocol}?"
        except (KafkaError, OSError) as error:
            return str(error) or type(error).__name__
        connection.close()
        return None


def _login(settings: Settings) -> Login:
    return Login(
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username or "",
        password=settings.kafka_password or SecretStr(""),
    )


async def _patient_lookup(client: AIOKafkaClient, kind: Any, key: str) -> Any:
    """Say that no broker is there where none is: aiokafka takes that for a mistake of ours, and its callers for their end.

    A broker that is starting, or that lost its controller for a moment, names no broker at all.
    """
    if client.get_random_node() is None:
        raise NodeNotReadyError("the brokers name no broker yet")
    return await _lookup(client, kind, key)


async def _closing_get_conn(
    client: AIOKafkaClient, node: Any, *, group: Any = ConnectionGroup.DEFAULT, **how: Any
) -> Any:
    """Close what the broker has ended before another takes its place: aiokafka drops it, open and with who waits on it."""
    known = client._conns.get((node, group))  # noqa: SLF001
    if known is not None and not known.connected():
        known.close(CloseReason.CONNECTION_BROKEN)
    return await _connection_to(client, node, group=group, **how)


AIOKafkaClient.coordinator_lookup = _patient_lookup
AIOKafkaClient._get_conn = _closing_get_conn  # noqa: SLF001
