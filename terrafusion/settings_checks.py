"""Settings that contradict each other, or that would leave open what must not be.

A complaint is one sentence: the settings, what was given, what is allowed, and never a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from terrafusion.tls import client_context

if TYPE_CHECKING:
    from pathlib import Path

    from terrafusion.settings import Settings

TLS_PROTOCOLS: Final = ("SSL", "SASL_SSL")
SASL_PROTOCOLS: Final = ("SASL_PLAINTEXT", "SASL_SSL")


def complaints(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the settings as a whole."""
    yield from _kafka(settings)
    yield from _database(settings)
    yield from _files(settings, "kafka")
    yield from _files(settings, "database")
    yield from _openings(settings)


def is_loopback(host: str | None) -> bool:
    """Say whether an address never leaves this machine; no host and a path are a socket on it."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _kafka(settings: Settings) -> Iterator[str]:
    protocol = settings.kafka_security_protocol
    is_said = f"TERRAFUSION_KAFKA_SECURITY_PROTOCOL is {protocol}"
    login = {"KAFKA_USERNAME": settings.kafka_username, "KAFKA_PASSWORD": settings.kafka_password}
    if protocol in SASL_PROTOCOLS:
        for name in (name for name, value in login.items() if not value):
            yield f"{is_said}, but TERRAFUSION_{name} is not set; SASL needs a user and a password."
    else:
        yield from _idle(login, f"{is_said}; allowed with it are SASL_PLAINTEXT and SASL_SSL.")
    if protocol not in TLS_PROTOCOLS:
        yield from _idle(_paths(settings, "kafka"), f"{is_said}; allowed with it are SSL and SASL_SSL.")


def _database(settings: Settings) -> Iterator[str]:
    tls = settings.database_tls
    is_said = f"TERRAFUSION_DATABASE_TLS is {tls}"
    files = _paths(settings, "database")
    if tls == "disable":
        yield from _idle(files, f"{is_said}; allowed with it are require and verify-full.")
    if tls == "require" and settings.database_ca_file:
        yield f"TERRAFUSION_DATABASE_CA_FILE is given, but {is_said}, which trusts anybody; verify-full uses it."
    if tls == "verify-full" and not settings.database_ca_file:
        yield f"{is_said}, but TERRAFUSION_DATABASE_CA_FILE is not set; it may be the system's bundle of authorities."


def _idle(given: Mapping[str, object], why: str) -> Iterator[str]:
    for name in (name for name, value in given.items() if value):
        yield f"TERRAFUSION_{name} is given, but {why}"


def _paths(settings: Settings, service: str) -> Mapping[str, object]:
    names = [f"{service}_{kind}_file" for kind in ("ca", "cert", "key")]
    return {name.upper(): getattr(settings, name) for name in names}


def _files(settings: Settings, service: str) -> Iterator[str]:
    """Read the files as a client will, so that it can."""
    paths: list[Path | None] = [getattr(settings, f"{service}_{kind}_file") for kind in ("ca", "cert", "key")]
    names = [f"TERRAFUSION_{service.upper()}_{kind}_FILE" for kind in ("CA", "CERT", "KEY")]
    for name, path in zip(names, paths, strict=True):
        if path and (trouble := _unreadable(path)):
            yield f"{name} is {path}, which cannot be read: {trouble}; it must be a PEM file."
    authority, certificate, key = paths
    if (certificate is None) != (key is None):
        given, missing = (names[1], names[2]) if key is None else (names[2], names[1])
        yield f"{given} is given without {missing}; a certificate and its key go together."
    if authority and _refused(authority, None, None):
        yield f"{names[0]} is {authority}, which is no PEM file of certificates."
    if certificate and _refused(None, certificate, key):
        yield f"{names[1]} and {names[2]} are no certificate and its key in PEM, the key without a password."


def _unreadable(path: Path) -> str | None:
    try:
        path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _refused(authority: Path | None, certificate: Path | None, key: Path | None) -> bool:
    try:
        client_context(authority, certificate, key)
    except OSError:
        return True
    return False


def _openings(settings: Settings) -> Iterator[str]:
    """Look for what is open beyond this machine and not allowed to be."""
    if "database" not in settings.insecure and settings.database_tls == "disable":
        yield from _open_database(settings)
    if "kafka" not in settings.insecure:
        yield from _open_kafka(settings)
    if settings.access == "off" and "http" not in settings.insecure and not is_loopback(settings.http_host):
        yield (
            f"TERRAFUSION_HTTP_HOST is {settings.http_host}, which others can reach, and the view asks for no password; "
            "allowed is the loopback, TERRAFUSION_ACCESS=tokens, or, behind something that asks, "
            "TERRAFUSION_ALLOW_INSECURE=http."
        )


def _open_database(settings: Settings) -> Iterator[str]:
    if settings.database_url is None or not settings.database.password:
        return
    also = settings.database.query.get("host", ())
    hosts = (settings.database.host, *((also,) if isinstance(also, str) else also))
    for host in (host for host in hosts if not is_loopback(host)):
        yield (
            f"TERRAFUSION_DATABASE_URL has a password for {host}, and TERRAFUSION_DATABASE_TLS is disable; allowed are "
            "require and verify-full, or, in a network that you trust, TERRAFUSION_ALLOW_INSECURE=database."
        )


def _open_kafka(settings: Settings) -> Iterator[str]:
    if (settings.kafka_security_protocol, settings.kafka_sasl_mechanism) != ("SASL_PLAINTEXT", "PLAIN"):
        return
    hosts = (broker.strip().rpartition(":")[0] for broker in (settings.kafka_bootstrap or "").split(","))
    for host in (host for host in hosts if not is_loopback(host)):
        yield (
            f"TERRAFUSION_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT with PLAIN, which tells {host} the password "
            "unencrypted; allowed are SASL_SSL and SCRAM-SHA-512, or, in a network that you trust, "
            "TERRAFUSION_ALLOW_INSECURE=kafka."
        )
