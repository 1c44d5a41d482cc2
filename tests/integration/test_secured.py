"""A system whose services let in only who encrypts and proves who it is; who cannot is told so, without the secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support.secured import (
    Office,
    PostgresWithPassword,
    SecuredKafka,
    TlsFront,
    with_password,
)
from support.waiting import until
from typer.testing import CliRunner

from terrafusion.cli import build
from terrafusion.cli.output import exit_code
from terrafusion.embedded.processes import free_port
from terrafusion.embedded.workers import WorkerProcess, environment
from terrafusion.errors import TerraFusionError
from terrafusion.settings import Settings

CANARY = "canary"
PASSWORD = f"{CANARY}+p@ss%w/rd 1"
WRONG = f"{CANARY}-wrong%40:"
SALES = "parcel_number,sale_date,sale_price,zip_code\n" + "".join(
    f"p{n},201{n % 8}-0{1 + n % 9}-15,{90_000 + 500 * n},43604\n" for n in range(400)
)


@dataclass(frozen=True)
class Secured:
    """What of the secured system a test may replace."""

    settings: Settings
    office: Office
    stranger: Office
    front: TlsFront
    kafka: SecuredKafka


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Postgres by password behind TLS, Kafka by SCRAM over TLS."""
    folder = tmp_path_factory.mktemp("secured")
    office = Office(folder / "office")
    with (
        PostgresWithPassword(folder / "postgres", password=PASSWORD) as postgres,
        TlsFront(office, postgres.port) as front,
        SecuredKafka(folder / "kafka", office, user="worker", password=PASSWORD) as kafka,
    ):
        url = make_url(postgres.url).set(port=front.port).render_as_string(hide_password=False)
        settings = Settings(
            database_url=SecretStr(url),
            database_tls="verify-full",
            database_ca_file=office.authority,
            kafka_bootstrap=kafka.sasl,
            kafka_security_protocol="SASL_SSL",
            kafka_username="worker",
            kafka_password=SecretStr(PASSWORD),
            kafka_ca_file=office.authority,
            results_url=str(folder / "results"),
            data_dir=folder / "data",
            http_port=free_port(),
            log_level="DEBUG",
        )
        yield Secured(settings, office, Office(folder / "stranger"), front, kafka)


@pytest.fixture(autouse=True)
def told(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Put the settings into the environment, and return them."""
    given = environment(secured.settings)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def ran(*words: str) -> Any:
    result = CliRunner().invoke(build(), [*words, "--json"])
    if isinstance(result.exception, TerraFusionError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def system(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker with a schema, topics and a county."""
    sales = tmp_path_factory.mktemp("county") / "sales.csv"
    sales.write_text(SALES)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(secured.settings).items():
            patch.setenv(name, value)
        ran("migrate")
        assert len(ran("topics", "create")["created"]) >= 4
        assert ran("load", "sales", str(sales), "--county", "lucas_oh")["sales"] == 400
        folder = tmp_path_factory.mktemp("worker")
        with WorkerProcess(folder, secured.settings, port=secured.settings.http_port) as worker:
            yield worker


def test_a_job_goes_all_the_way_and_nobody_sees_the_password(system: WorkerProcess, secured: Secured) -> None:
    before = secured.front.encrypted
    job = ran("run", "price_trend_by_zip", "--county", "lucas_oh", "--wait")
    assert job["status"] == "COMPLETED"
    checks = {check["check"]: check["detail"] for check in ran("doctor")["checks"]}
    assert secured.front.encrypted > before > 3
    assert checks["database"].endswith("encrypted, the server is verified")
    assert checks["broker"] == (f"{secured.kafka.sasl}, encrypted, the broker is verified, as worker by SCRAM-SHA-512")
    pages = "".join(urlopen(system.url + path).read().decode() for path in ("/", "/metrics", "/readyz"))
    family = [psutil.Process(system.pid), *psutil.Process(system.pid).children(recursive=True)]
    commands = " ".join(word for process in family for word in process.cmdline())
    for seen in (
        json.dumps(job),
        json.dumps(checks),
        pages,
        commands,
        system.log_file.read_text(),
        str(ran("config", "show")),
    ):
        assert CANARY not in seen
    assert "Authenticated as worker via SCRAM-SHA-512" in system.log_file.read_text()


@pytest.mark.parametrize("way", ["mutual TLS", "PLAIN over TLS"])
def test_other_ways_to_prove_who_one_is(
    way: str, system: WorkerProcess, secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "mutual TLS":
        office = secured.office
        given = {
            "SECURITY_PROTOCOL": "SSL",
            "USERNAME": "",
            "PASSWORD": "",
            "BOOTSTRAP": secured.kafka.tls,
            "CERT_FILE": str(office.client_cert),
            "KEY_FILE": str(office.client_key),
        }
    else:
        given = {"SASL_MECHANISM": "PLAIN"}
    for name, value in given.items():
        monkeypatch.setenv(f"TERRAFUSION_KAFKA_{name}", value)
    assert ran("topics", "check") == {"differences": []}


MIGRATE, TOPICS, DOCTOR = ("migrate",), ("topics", "check"), ("doctor",)
LOAD, RUN = ("load", "sales", "{sales}", "--county", "lucas_oh"), ("run", "price_trend_by_zip", "--county", "lucas_oh")
OF_DATABASE, OF_KAFKA = (MIGRATE, LOAD, DOCTOR), (TOPICS, RUN, DOCTOR)
IN_CLEAR = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_USERNAME": "", "KAFKA_PASSWORD": "", "KAFKA_CA_FILE": ""}
FAILURES = {
    "database: wrong password": ({"DATABASE_URL": "{wrong_url}"}, OF_DATABASE, "password authentication failed"),
    "database: wrong port": ({"DATABASE_URL": "{dead_url}"}, OF_DATABASE, "Connect call failed|Connection refused"),
    "database: no such": ({"DATABASE_URL": "{other_url}"}, OF_DATABASE, 'database "nix" does not exist'),
    "database: another authority": ({"DATABASE_CA_FILE": "{stranger}"}, OF_DATABASE, "certificate verify failed"),
    "database: another name": ({"DATABASE_URL": "{renamed_url}"}, OF_DATABASE, "mismatch|does not match"),
    "database: no TLS": ({"DATABASE_TLS": "disable", "DATABASE_CA_FILE": ""}, OF_DATABASE, "no encryption"),
    "kafka: wrong password": ({"KAFKA_PASSWORD": WRONG}, OF_KAFKA, "invalid credentials with SASL mechanism SCRAM"),
    "kafka: another authority": ({"KAFKA_CA_FILE": "{stranger}"}, OF_KAFKA, "certificate verify failed"),
    "kafka: no TLS": (IN_CLEAR, OF_KAFKA, "does this listener speak PLAINTEXT"),
    "kafka: no SASL": (
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_USERNAME": "", "KAFKA_PASSWORD": ""},
        OF_KAFKA,
        "does this listener speak SSL",
    ),
    "kafka: no certificate": (
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_USERNAME": "", "KAFKA_PASSWORD": "", "KAFKA_BOOTSTRAP": "{tls}"},
        OF_KAFKA,
        "does this listener speak SSL",
    ),
    "kafka: TLS where there is none": ({"KAFKA_BOOTSTRAP": "{clear}"}, OF_KAFKA, "does this listener speak SASL_SSL"),
    "kafka: another mechanism": ({"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}, OF_KAFKA, "does not take SCRAM-SHA-256"),
}


def places(secured: Secured, tmp_path: Path) -> Mapping[str, str]:
    url = secured.settings.database
    sales = tmp_path / "sales.csv"
    sales.write_text(SALES)

    def changed(**parts: Any) -> str:
        return url.set(query={}, **parts).render_as_string(hide_password=False)

    return {
        "wrong_url": with_password(changed(), WRONG),
        "dead_url": changed(port=free_port()),
        "other_url": changed(database="nix"),
        "renamed_url": changed(host="localhost"),
        "stranger": str(secured.stranger.authority),
        "tls": secured.kafka.tls,
        "clear": secured.kafka.bootstrap,
        "sales": str(sales),
    }


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # aiokafka forgets who was refused
@pytest.mark.parametrize("name", FAILURES)
def test_who_is_not_let_in_is_told_why_in_a_sentence(
    name: str, secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, commands, why = FAILURES[name]
    names = places(secured, tmp_path)
    for setting, value in given.items():
        monkeypatch.setenv(f"TERRAFUSION_{setting}", value.format(**names))
    for words in commands:
        told, code = outcome([word.format(**names) for word in words])
        assert code == 3, told
        assert any(part.lower() in told.lower() for part in why.split("|")), told
        assert CANARY not in told


def outcome(words: list[str]) -> tuple[str, int]:
    """Return everything a command has to say, its traceback with it, and its exit code."""
    result = CliRunner().invoke(build(), words)
    error = result.exception
    if isinstance(error, TerraFusionError):
        return result.output + "".join(traceback.format_exception(error)), exit_code(error)
    return result.output, result.exit_code


def test_a_worker_that_kafka_turns_away_ends_with_a_sentence(told: Mapping[str, str]) -> None:
    wrong = {**os.environ, **told, "TERRAFUSION_KAFKA_PASSWORD": WRONG}
    command = [sys.executable, "-m", "terrafusion", "worker"]
    done = subprocess.run(command, env=wrong, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "invalid credentials with SASL mechanism SCRAM-SHA-512" in done.stderr
    assert CANARY not in done.stderr


def test_a_worker_whose_database_password_is_wrong_goes_on_asking(secured: Secured, tmp_path: Path) -> None:
    wrong = SecretStr(places(secured, tmp_path)["wrong_url"])
    unwell = {"database_url": wrong, "kafka_sasl_mechanism": "PLAIN"}
    worker = WorkerProcess(tmp_path, secured.settings.model_copy(update=unwell), port=free_port())
    worker.prepare()
    worker.spawn()
    try:
        until(lambda: "password authentication failed" in worker.log_file.read_text(), what="it is told", within=30)
        assert worker.is_running
    finally:
        worker.kill()
    said = worker.log_file.read_text()
    assert CANARY not in said
    assert "Authenticated as worker via PLAIN" in said
    assert '"level": "debug"' in said
