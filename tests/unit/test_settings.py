"""Settings are read from where they may stand; what contradicts itself or stands open is refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from terrafusion.cli.configuration import read_settings
from terrafusion.embedded.system import Extent, System
from terrafusion.embedded.workers import environment
from terrafusion.errors import Misconfigured
from terrafusion.services.leases import BEAT_S
from terrafusion.settings import Settings
from terrafusion.settings_checks import is_loopback

CANARY = "canary-4711"
AFAR = f"postgresql+asyncpg://office:{CANARY}@db.county.example/market"
SASL = {"kafka_security_protocol": "SASL_SSL", "kafka_username": "office", "kafka_password": CANARY}
MISSING = "/nowhere/of.pem"


@pytest.fixture(autouse=True)
def _nothing_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TERRAFUSION_{name.upper()}", raising=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("files")
    authority = trustme.CA()
    ours, other = authority.issue_cert("a.example"), authority.issue_cert("b.example")
    made = {
        "ca": authority.cert_pem,
        "cert": ours.cert_chain_pems[0],
        "key": ours.private_key_pem,
        "other_key": other.private_key_pem,
    }
    for name, pem in made.items():
        pem.write_to_path(folder / name)
    (folder / "text").write_text("no PEM at all")
    return {name: str(folder / name) for name in (*made, "text")}


def refusal(**given: str) -> str:
    with pytest.raises(Misconfigured) as raised:
        read_settings(**given)
    told = str(raised.value)
    assert CANARY not in told
    assert raised.value.__cause__ is None
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (SASL | {"kafka_username": ""}, "PROTOCOL is SASL_SSL, but TERRAFUSION_KAFKA_USERNAME is not set; SASL needs"),
        (SASL | {"kafka_password": ""}, "PROTOCOL is SASL_SSL, but TERRAFUSION_KAFKA_PASSWORD is not set; SASL needs"),
        (
            {"kafka_password": CANARY},
            "KAFKA_PASSWORD is given, but TERRAFUSION_KAFKA_SECURITY_PROTOCOL is PLAINTEXT; allowed with it are SASL_",
        ),
        ({"kafka_username": "office", "kafka_security_protocol": "SSL"}, "KAFKA_USERNAME is given, but"),
        ({"kafka_ca_file": "{ca}"}, "CA_FILE is given, but TERRAFUSION_KAFKA_SECURITY_PROTOCOL is PLAINTEXT; allowed"),
        (SASL | {"kafka_cert_file": "{cert}"}, "KAFKA_CERT_FILE is given without TERRAFUSION_KAFKA_KEY_FILE; a cert"),
        (SASL | {"kafka_key_file": "{key}"}, "KAFKA_KEY_FILE is given without TERRAFUSION_KAFKA_CERT_FILE; a cert"),
        (SASL | {"kafka_ca_file": MISSING}, f"KAFKA_CA_FILE is {MISSING}, which cannot be read: No such file"),
        (SASL | {"kafka_ca_file": "/"}, "KAFKA_CA_FILE is /, which cannot be read: Is a directory"),
        (SASL | {"kafka_ca_file": "{text}"}, "/text, which is no PEM file of certificates"),
        (SASL | {"kafka_cert_file": "{cert}", "kafka_key_file": "{other_key}"}, "KEY_FILE are no certificate and its"),
        (SASL | {"kafka_security_protocol": "SASL_TLS"}, "KAFKA_SECURITY_PROTOCOL: must be 'PLAINTEXT', 'SSL'"),
        (SASL | {"kafka_sasl_mechanism": "GSSAPI"}, "KAFKA_SASL_MECHANISM: must be 'PLAIN', 'SCRAM-SHA-256'"),
        ({"database_tls": "prefer"}, "DATABASE_TLS: must be 'disable', 'require' or 'verify-full'"),
        ({"database_tls": "verify-full"}, "DATABASE_TLS is verify-full, but TERRAFUSION_DATABASE_CA_FILE is not set"),
        ({"database_tls": "require", "database_ca_file": "{ca}"}, "DATABASE_TLS is require, which trusts anybody"),
        ({"database_ca_file": "{ca}"}, "CA_FILE is given, but TERRAFUSION_DATABASE_TLS is disable; allowed with it"),
        (
            {"database_tls": "require", "database_key_file": "{key}"},
            "KEY_FILE is given without TERRAFUSION_DATABASE_CERT",
        ),
        ({"database_url": f"{AFAR}?sslmode=require"}, "DATABASE_URL: may ask for nothing but host="),
        ({"database_url": f"postgresql+asyncpg:///db?password={CANARY}"}, "the password goes before the @"),
        ({"database_url": f"postgresql+asyncpg://u:p:{CANARY}@h:{CANARY}/d"}, "DATABASE_URL: is no URL of a database"),
        (
            {"view_url": f"https://{CANARY}@county.example"},
            "VIEW_URL: must be http:// or https:// and a host, without user",
        ),
        ({"view_url": f"county.example/?token={CANARY}"}, "VIEW_URL: must be http:// or https:// and a host"),
        ({"results_url": f"s3://user:{CANARY}@bucket/x"}, "RESULTS_URL: may hold no user, password or query; the sto"),
        ({"results_url": f"s3://{CANARY}@bucket/x"}, "RESULTS_URL: may hold no user"),
        ({"results_url": f"s3://bucket/x?aws_secret_access_key={CANARY}"}, "RESULTS_URL: may hold no user"),
        ({"results_url": f"abfs://box:{CANARY}@account.dfs.core.windows.net"}, "RESULTS_URL: may hold no user"),
        ({"secrets_dir": MISSING}, f"SECRETS_DIR: is {MISSING}, which is no folder"),
        ({"allow_insecure": "https,all"}, "ALLOW_INSECURE: is all, https; allowed are database, kafka, http"),
        ({"token": f"tfm_{CANARY}"}, "TOKEN: must be a token as `terrafusion tokens create` prints it"),
        ({"access": "passwords"}, "ACCESS: must be 'off' or 'tokens'"),
        ({"lease_seconds": "2"}, "LEASE_SECONDS: must be greater than or equal to 3"),
    ],
)
def test_a_contradiction_is_one_sentence(files: dict[str, str], given: dict[str, str], told: str) -> None:
    assert told in refusal(**{name: value.format(**files) for name, value in given.items()})


@pytest.mark.parametrize(
    ("given", "name", "told"),
    [
        ({"database_url": AFAR}, "database", "DATABASE_URL has a password for db.county.example, and TERRAFUSION_DAT"),
        (
            {"database_url": f"postgresql+asyncpg://u:{CANARY}@127.0.0.1/d?host=db.county.example"},
            "database",
            "has a password for db.county.example",
        ),
        (
            SASL
            | {
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_sasl_mechanism": "PLAIN",
                "kafka_bootstrap": "127.0.0.1:9092, kafka.county.example:9092",
            },
            "kafka",
            "SASL_PLAINTEXT with PLAIN, which tells kafka.county.example the password unencrypted",
        ),
        ({"http_host": "0.0.0.0"}, "http", "HTTP_HOST is 0.0.0.0, which others can reach, and the view asks for no pa"),
        ({"http_host": "::"}, "http", "HTTP_HOST is ::, which others can reach"),
        ({"http_host": "10.0.0.7"}, "http", "allowed is the loopback, TERRAFUSION_ACCESS=tokens, or, behind something"),
    ],
)
def test_what_stands_open_must_be_allowed_by_name(given: dict[str, str], name: str, told: str) -> None:
    others = ",".join({"database", "kafka", "http"} - {name})
    sentence = refusal(**given, allow_insecure=others)
    assert told in sentence
    assert f"TERRAFUSION_ALLOW_INSECURE={name}" in sentence
    assert read_settings(**given, allow_insecure=name).insecure == (name,)


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": AFAR, "database_tls": "require"},
        {"database_url": AFAR.replace(f":{CANARY}", "")},
        {"database_url": f"postgresql+asyncpg://u:{CANARY}@localhost/d"},
        {"database_url": f"postgresql+asyncpg://u:{CANARY}@/d?host=/var/run/postgresql"},
        SASL | {"kafka_bootstrap": "kafka.county.example:9093"},
        SASL | {"kafka_bootstrap": "kafka.county.example:9092", "kafka_security_protocol": "SASL_PLAINTEXT"},
        {"results_url": "abfs://box@account.dfs.core.windows.net/results"},
        {"results_url": "s3://bucket/results"},
        {"http_host": "0.0.0.0", "access": "tokens"},
    ],
)
def test_what_is_safe_is_taken(given: dict[str, str]) -> None:
    assert read_settings(**given)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        (None, True),
        ("/var/run", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("0.0.0.0", False),
    ],
)
def test_what_never_leaves_this_machine(host: str | None, is_ours: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is is_ours


def test_a_secret_may_be_a_file_and_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "terrafusion_database_url").write_text("postgresql+asyncpg://file@localhost/d\n")
    (tmp_path / "TERRAFUSION_KAFKA_PASSWORD").write_text(f"{CANARY}\n")
    monkeypatch.setenv("TERRAFUSION_SECRETS_DIR", str(tmp_path))
    told = read_settings(kafka_security_protocol="SASL_SSL", kafka_username="office")
    assert told.database.username == "file"
    assert told.kafka_password is not None
    assert told.kafka_password.get_secret_value() == CANARY
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", "postgresql+asyncpg://variable@localhost/d")
    monkeypatch.setenv("TERRAFUSION_KAFKA_PASSWORD", "")
    again = read_settings(kafka_security_protocol="SASL_SSL", kafka_username="office")
    assert again.database.username == "variable"
    assert again.kafka_password == told.kafka_password, "an empty variable is none"


def test_a_secret_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TERRAFUSION_KAFKA_PASSWORD").write_bytes(b"\xff\xfe" + CANARY.encode())
    monkeypatch.setenv("TERRAFUSION_SECRETS_DIR", str(tmp_path))
    told = refusal()
    assert told.startswith("TERRAFUSION_SECRETS_DIR: ")
    assert "kafka_password" in told


def test_no_secret_in_any_look_at_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SASL | {"database_url": AFAR, "database_tls": "require"}
    told = read_settings(**given)
    token = f"tfm_{CANARY}{'x' * (43 - len(CANARY))}"
    assert token not in str(read_settings(token=token).shown)
    for shown in (repr(told), str(told), str(told.shown), told.model_dump_json(), str(told.model_dump())):
        assert CANARY not in shown
    assert told.shown["database_url"] == "postgresql+asyncpg://office:***@db.county.example/market"
    with pytest.raises(ValidationError) as raised:
        Settings(**given, pool_size=0)
    assert CANARY not in str(raised.value)
    assert CANARY not in repr(raised.value)


def test_embedded_services_are_spoken_to_without_what_secures_others(tmp_path: Path, files: dict[str, str]) -> None:
    told = read_settings(**SASL, data_dir=tmp_path)
    system = System(told, Extent(), print).settings
    assert (system.kafka_security_protocol, system.kafka_username, system.kafka_password) == ("PLAINTEXT", None, None)
    tls = {"database_url": AFAR, "database_tls": "verify-full", "database_ca_file": files["ca"]}
    elsewhere = read_settings(**SASL, **tls, kafka_bootstrap="kafka.county.example:9093", data_dir=tmp_path)
    assert System(elsewhere, Extent(), print).settings == elsewhere


def test_a_lease_outlasts_beats_that_are_late() -> None:
    (least,) = (limit.ge for limit in Settings.model_fields["lease_seconds"].metadata if hasattr(limit, "ge"))
    assert least >= 3 * BEAT_S


def test_a_worker_is_told_every_setting_and_inherits_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = SASL | {"database_url": AFAR, "database_tls": "require", "lease_seconds": "7.5", "data_dir": str(tmp_path)}
    told = read_settings(**given, results_url="s3://bucket/results", log_level="DEBUG", max_pending="5")
    monkeypatch.setenv("TERRAFUSION_ANALYSIS_MODULES", "inherited")
    monkeypatch.setenv("TERRAFUSION_KAFKA_CA_FILE", MISSING)
    for name, value in environment(told).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == told
