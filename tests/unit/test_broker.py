"""Every client of Kafka speaks to the brokers in the same way."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from unittest.mock import Mock

import pytest
import trustme
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.faust_app import make_app
from terrafusion.cli.configuration import read_settings
from terrafusion.embedded.processes import free_port
from terrafusion.errors import Unavailable
from terrafusion.settings import Settings

CANARY = "canary-4711"
TLS = ["SSL", "SASL_SSL"]
PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


def speaking(protocol: str, tmp_path: Path) -> Settings:
    given = {"kafka_security_protocol": protocol, "kafka_bootstrap": "127.0.0.1:9093", "data_dir": str(tmp_path)}
    if protocol.startswith("SASL"):
        given |= {"kafka_username": "office", "kafka_password": CANARY, "kafka_sasl_mechanism": "SCRAM-SHA-256"}
    if protocol in TLS:
        trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
        given |= {"kafka_ca_file": str(tmp_path / "ca.pem")}
    return read_settings(**given)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_faust_and_the_relay_are_told_the_same(protocol: str, tmp_path: Path) -> None:
    settings = speaking(protocol, tmp_path)
    options = Broker.of(settings).options
    assert options.pop("bootstrap_servers") == "127.0.0.1:9093"
    assert options["security_protocol"] == protocol
    assert options.get("sasl_plain_password") == (CANARY if protocol.startswith("SASL") else None)
    assert options.get("sasl_mechanism") == ("SCRAM-SHA-256" if protocol.startswith("SASL") else None)
    app = make_app(settings, web_options={})
    for credentials in (app.conf.broker_credentials, app.producer.credentials):
        told = {"ssl_context": None, **credentials_to_aiokafka_auth(credentials)}
        if protocol in TLS:
            assert isinstance(told.pop("ssl_context"), ssl.SSLContext)
        assert told == {name: value for name, value in options.items() if name in told}
        assert {*told, "ssl_context"} == {*options}


def test_a_person_is_told_how_safe_it_is_and_nobody_the_password(tmp_path: Path) -> None:
    assert Broker.of(speaking("PLAINTEXT", tmp_path)).security == "not encrypted"
    assert Broker.of(speaking("SSL", tmp_path)).security == "encrypted, the broker is verified"
    told = Broker.of(speaking("SASL_SSL", tmp_path))
    assert told.security == "encrypted, the broker is verified, as office by SCRAM-SHA-256"
    assert CANARY not in f"{told} {told!r}"


async def test_who_answers_none_of_the_brokers_is_told_why() -> None:
    nobody = Broker(f"127.0.0.1:{free_port()}, localhost:{free_port()}")
    with pytest.raises(Unavailable, match=r"Kafka at 127\.0\.0\.1.* cannot be reached: .*Connect call failed"):
        await nobody.reach()


async def test_brokers_that_name_no_broker_are_asked_again():
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(NodeNotReadyError) as raised:
        await client.coordinator_lookup(CoordinationType.GROUP, "g")
    assert raised.value.retriable
    await client.close()


async def test_a_connection_that_the_broker_ended_is_closed_and_who_waits_on_it_is_told():
    client, connection = AIOKafkaClient(bootstrap_servers="127.0.0.1:1"), AIOKafkaConnection("127.0.0.1", 1)
    connection._reader, connection._writer = asyncio.StreamReader(), (writer := Mock())
    connection._read_task = asyncio.create_task(asyncio.Event().wait())
    connection._requests.append((1, None, answer := asyncio.get_running_loop().create_future()))
    client._conns[1, ConnectionGroup.DEFAULT] = connection
    connection._reader.feed_eof()
    assert await client._get_conn(1) is None
    writer.close.assert_called_once()
    assert isinstance(answer.exception(), KafkaConnectionError)
    await client.close()
