"""The manifests against the settings, the command line, the topics, the alerts and the times that a stop takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from support.kustomized import containers, objects, pods, settings
from typer.testing import CliRunner

from terrafusion.cli import build
from terrafusion.lifecycle import RELEASE_S, STOP_S
from terrafusion.settings import Settings
from topics.catalogue import APP_ID, REQUESTS

KUSTOMIZE = shutil.which("kustomize")
OURS = ("worker", "schema")
SECRETS = "terrafusion-secrets"
SASL = {"PLAIN": "plaintext", "SCRAM-SHA-256": "scram_sha256", "SCRAM-SHA-512": "scram_sha512"}
"""Our words for a mechanism, and KEDA's."""


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def installed(folder: Path) -> list[Any]:
    return objects(folder / "overlays" / "example")


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, str]:
    return settings(folder / "overlays" / "example")


def gib(size: str) -> float:
    assert size.endswith("Gi")
    return float(size.removesuffix("Gi"))


def one(installed: list[Any], kind: str, name: str) -> Any:
    (found,) = [made for made in installed if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


@pytest.fixture(scope="module")
def worker(installed: list[Any]) -> Any:
    return one(installed, "Deployment", "terrafusion-worker")


def test_everything_of_it_is_there_once(installed):
    names = [(made["kind"], made["metadata"]["name"]) for made in installed]
    assert len(set(names)) == len(names)
    assert {kind for kind, _ in names} == {
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PodMonitor",
        "ScaledObject",
        "Service",
        "ServiceAccount",
        "TriggerAuthentication",
    }
    assert all(made["apiVersion"] and made["metadata"]["namespace"] == "terrafusion" for made in installed)


def test_every_file_belongs_to_it(folder):
    named = {
        (file.parent / name).resolve()
        for file in folder.rglob("kustomization.yaml")
        for name in yaml.safe_load(file.read_text()).get("resources", [])
    }
    files = {file.resolve() for file in folder.rglob("*.yaml") if file.name != "kustomization.yaml"}
    assert files == {path for path in named if path.is_file()}


@pytest.mark.skipif(find_spec("kubernetes_validate") is None, reason="kubernetes-validate is not installed")
@pytest.mark.parametrize(
    "kind", ["Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"]
)
def test_kubernetes_own_schemas_agree(installed, kind):
    import kubernetes_validate  # noqa: PLC0415

    for made in (made for made in installed if made["kind"] == kind):
        kubernetes_validate.validate(made, "1.34", strict=True)


@pytest.mark.skipif(KUSTOMIZE is None, reason="kustomize is not installed")
def test_kustomize_makes_the_same_of_it(folder, installed):
    done = subprocess.run(
        [KUSTOMIZE, "build", str(folder / "overlays" / "example")], capture_output=True, text=True, check=True
    )
    made = {(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(done.stdout) if o["kind"] != "ConfigMap"}
    assert made.keys() == {(o["kind"], o["metadata"]["name"]) for o in installed}
    theirs, ours = made["Deployment", "terrafusion-worker"], one(installed, "Deployment", "terrafusion-worker")
    assert "replicas" not in theirs["spec"]
    assert [c["image"] for c in containers(theirs)] == [c["image"] for c in containers(ours)]
    for of in (theirs, made["Job", "terrafusion-schema"]):
        (ref,) = {f["configMapRef"]["name"] for c in containers(of) for f in c["envFrom"] if "configMapRef" in f}
        assert re.fullmatch(r"terrafusion-settings-\w{10}", ref)


def test_every_setting_exists_and_they_go_together(told, monkeypatch, tmp_path):
    assert {key.removeprefix("TERRAFUSION_").lower() for key in told} <= set(Settings.model_fields)
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    (tmp_path / "TERRAFUSION_DATABASE_URL").write_text("postgresql+asyncpg://terrafusion:a-secret@db/terrafusion")
    (tmp_path / "TERRAFUSION_KAFKA_PASSWORD").write_text("a-secret")
    for key, value in told.items():
        monkeypatch.setenv(key, str(authority) if value.endswith(".pem") else value)
    monkeypatch.setenv("TERRAFUSION_SECRETS_DIR", str(tmp_path))
    made = Settings()
    assert (made.access, made.allow_insecure) == ("tokens", "")
    assert made.results.startswith("s3://")
    assert made.database.host == "db"


def test_no_secret_stands_in_a_file(folder, told):
    text = "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert not re.search(r"kind: Secret\b|PASSWORD=|DATABASE_URL=|AWS_", text)
    assert not [value for value in told.values() if "@" in value]


def test_the_image_runs_commands_that_exist(installed):
    for container in (c for made in installed for c in containers(made)):
        assert container["image"] == "terrafusion-market-analysis:0.1.0"
        assert CliRunner().invoke(build(), [*container["args"], "--help"]).exit_code == 0


def test_a_pod_may_do_as_little_as_can_be(installed, root):
    user = int(re.search(r"^USER (\d+):", (root / "Dockerfile").read_text(), re.MULTILINE)[1])
    for pod in (pod["spec"] for made in installed for pod in pods(made)):
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, user, user)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
    for container in (c for made in installed for c in containers(made)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert container["resources"]["limits"]["memory"]


def test_what_is_written_lies_in_a_folder_of_its_own(worker, told):
    (pod,) = pods(worker)
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    (container,) = containers(worker)
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == volumes.keys()
    size = volumes[mounts[told["TERRAFUSION_DATA_DIR"]]["name"]]["emptyDir"]["sizeLimit"]
    assert float(told["TERRAFUSION_CACHE_GIB"]) <= 0.8 * gib(size), "what is fetched needs room before the oldest go"
    assert gib(size) < gib(container["resources"]["limits"]["ephemeral-storage"])
    assert volumes[mounts["/tmp"]["name"]]["emptyDir"]["sizeLimit"]
    secrets = mounts[told["TERRAFUSION_SECRETS_DIR"]]
    assert secrets["readOnly"]
    assert volumes[secrets["name"]]["secret"] == {"secretName": SECRETS, "defaultMode": 0o440}


def test_a_worker_is_given_more_time_than_its_stop_takes(worker, told):
    (container,) = containers(worker)
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    (pod,) = pods(worker)
    needed = pause + float(told["TERRAFUSION_DRAIN_SECONDS"]) + RELEASE_S + STOP_S
    assert needed < pod["spec"]["terminationGracePeriodSeconds"] <= needed + 30


def test_its_probes_ask_what_they_mean(worker, told):
    (container,) = containers(worker)
    (port,) = container["ports"]
    assert port == {"name": "http", "containerPort": int(told["TERRAFUSION_HTTP_PORT"])}
    asked = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: ask["path"] for name, ask in asked.items()} == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    assert {ask["port"] for ask in asked.values()} == {"http"}


def test_workers_are_replaced_one_by_one(installed, worker):
    assert worker["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert one(installed, "PodDisruptionBudget", "terrafusion-worker")["spec"]["maxUnavailable"] == 1
    assert "replicas" not in worker["spec"], "the scaler says how many"


def test_what_selects_workers_finds_them(installed, worker):
    (pod,) = pods(worker)
    labels = pod["metadata"]["labels"]
    selectors = [
        worker["spec"]["selector"]["matchLabels"],
        one(installed, "Service", "terrafusion")["spec"]["selector"],
        one(installed, "PodDisruptionBudget", "terrafusion-worker")["spec"]["selector"]["matchLabels"],
        one(installed, "NetworkPolicy", "terrafusion-worker")["spec"]["podSelector"]["matchLabels"],
        one(installed, "PodMonitor", "terrafusion-worker")["spec"]["selector"]["matchLabels"],
    ]
    assert [selector for selector in selectors if not selector.items() <= labels.items()] == []
    for name in OURS:
        assert one(installed, "NetworkPolicy", f"terrafusion-{name}")["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_alerts_hear_of_every_worker(installed, alerts, folder):
    monitor = one(installed, "PodMonitor", "terrafusion-worker")["spec"]
    (pairs,) = [
        label["pairs"] for label in yaml.safe_load((folder / "base" / "kustomization.yaml").read_text())["labels"]
    ]
    assert pairs[monitor["jobLabel"]] == "terrafusion"
    assert any('up{job="terrafusion"}' in rule["expr"] for rule in alerts)
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    assert endpoint["authorization"]["credentials"] == {"name": "terrafusion-prometheus", "key": "token"}


@pytest.fixture(scope="module")
def triggers(installed) -> dict[str, Any]:
    scaled = one(installed, "ScaledObject", "terrafusion-worker")["spec"]
    return {trigger["type"]: trigger for trigger in scaled["triggers"]}


def test_the_scaler_asks_for_our_group_on_our_topic(installed, triggers):
    scaled = one(installed, "ScaledObject", "terrafusion-worker")["spec"]
    kafka = triggers["kafka"]["metadata"]
    assert (kafka["consumerGroup"], kafka["topic"]) == (APP_ID, REQUESTS.name)
    assert all(isinstance(value, str) for trigger in triggers.values() for value in trigger["metadata"].values())
    assert scaled["cooldownPeriod"] >= 300
    assert scaled["minReplicaCount"] >= 2


def test_the_scaler_speaks_to_kafka_as_the_workers_do(installed, triggers, told):
    protocol = told["TERRAFUSION_KAFKA_SECURITY_PROTOCOL"]
    default = Settings.model_fields["kafka_sasl_mechanism"].default
    mechanism = told.get("TERRAFUSION_KAFKA_SASL_MECHANISM", default)
    by_sasl, by_tls = protocol.startswith("SASL"), protocol.endswith("SSL")
    kafka = triggers["kafka"]["metadata"]
    assert kafka.get("sasl", "none") == (SASL[mechanism] if by_sasl else "none")
    assert kafka.get("tls", "disable") == ("enable" if by_tls else "disable")
    needed = {"username", "password"} if by_sasl else set()
    needed |= {"ca"} if by_tls and "TERRAFUSION_KAFKA_CA_FILE" in told else set()
    assert {given["parameter"] for given in login(installed, triggers["kafka"])} == needed
    assert tuple(map(int, kafka["version"].split("."))) >= (2, 1), "Kafka 4 refuses what is older"


def test_the_scaler_finds_its_secrets_where_the_page_has_them_made(installed, triggers, root):
    assert [given["parameter"] for given in login(installed, triggers["postgresql"])] == ["connection"]
    page = (root / "docs" / "kubernetes.md").read_text().replace("\\\n", " ")
    made = {
        name: set(re.findall(r"--from-file=(\S+)", files))
        for name, files in re.findall(r"create secret generic (\S+)(.*)$", page, re.MULTILINE)
    }
    asked = [given for trigger in triggers.values() for given in login(installed, trigger)]
    assert len(asked) == 4
    assert [given for given in asked if given["key"] not in made[given["name"]]] == []


def login(installed: list[Any], trigger: Any) -> list[Any]:
    name = trigger["authenticationRef"]["name"]
    return one(installed, "TriggerAuthentication", name)["spec"]["secretTargetRef"]
