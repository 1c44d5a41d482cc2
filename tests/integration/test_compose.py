"""docker-compose.yml at work: the very commands it runs, in its order, on its Kafka configuration."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compose import Composition, Container, order
from support.waiting import until
from support.web import PREFIX, Web

from terrafusion.samples import SAMPLES

pytestmark = pytest.mark.by_hand
"""Two minutes: `make test-long`. What the file says is read in `make test`, tests/unit/deploy."""

ONE_SHOTS = ("migrate", "topics", "samples")


@dataclass
class Running:
    composition: Composition
    said: dict[str, str]
    workers: Sequence[Container]

    @property
    def views(self) -> Sequence[Web]:
        return [Web(f"http://127.0.0.1:{worker.port}") for worker in self.workers]


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """All of the file's services that are ours or embedded, started in its order."""
    composition = Composition(tmp_path_factory.mktemp("compose"))
    made = Running(composition, {}, [])
    try:
        for name in order(composition.services):
            await _start(made, name)
        yield made
    finally:
        for server in (*made.workers, composition.kafka, composition.postgres):
            server.stop()


async def _start(made: Running, name: str) -> None:
    services = made.composition.services
    if name == "postgres":
        made.composition.postgres.start()
        await made.composition.postgres.ask_for((made.composition.secrets / "postgres_password").read_text())
        made.composition.connect_secrets()
    elif name == "kafka":
        made.composition.kafka.start()
    elif name in ONE_SHOTS:
        made.said[name] = succeed(made.composition.container(name))
    elif name == "worker":
        replicas = range(1, services[name]["deploy"]["replicas"] + 1)
        made.workers = [made.composition.container(name, number) for number in replicas]
        for worker in made.workers:
            worker.start()


def succeed(container: Container, *command: str) -> str:
    done = container.run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_shots_do_their_work_and_may_run_again(running):
    assert list(running.said) == [name for name in order(running.composition.services) if name in ONE_SHOTS]
    assert "schema" in running.said["migrate"]
    assert "market-analysis.requests.v1" in running.said["topics"]
    assert all(county in running.said["samples"] for county in SAMPLES)
    for name in ONE_SHOTS:
        succeed(running.composition.container(name, 2))


@pytest.mark.parametrize("listener", ["kafka:9092", "127.0.0.1:9094"], ids=["containers", "host"])
def test_the_broker_holds_every_topic_as_the_catalogue_says(running, listener):
    asking = running.composition.container("topics", 3, TERRAFUSION_KAFKA_BOOTSTRAP=listener)
    succeed(asking, "topics", "check")


def test_healthchecks_succeed(running):
    services = running.composition.services
    assert running.composition.postgres.healthcheck(services["postgres"]["healthcheck"]["test"]) == 0
    assert [worker.healthcheck() for worker in running.workers] == [0, 0]
    address = services["kafka"]["healthcheck"]["test"][-1]
    host, port = running.composition.kafka.local(address).split(":")
    socket.create_connection((host, int(port)), timeout=5).close()


def test_a_job_asked_of_one_worker_is_answered_by_the_other(running):
    asked = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
    job_id = running.views[0].post(f"{PREFIX}/run", asked).body["job_id"]
    job = until(lambda: _ended(running.views[1], job_id), what="the job has ended", within=60)
    assert job["status"] == "COMPLETED", job
    result = running.views[1].get(f"{PREFIX}/results/{job_id}").body["result"]
    assert result["trends"]


def _ended(view: Web, job_id: str):
    job = view.status(job_id)
    return job if job["status"] not in {"PENDING", "RUNNING"} else None


def test_a_request_of_the_command_line_in_a_container_is_answered(running):
    asked = ("run", "trend_analysis", "--county", "lucas_oh", "--wait", "--json")
    assert json.loads(succeed(running.workers[0], *asked))["status"] == "COMPLETED"


def test_the_doctor_in_a_container_finds_all_well(running):
    found = json.loads(succeed(running.workers[0], "doctor", "--json"))
    assert found["ok"], found


def test_the_password_is_asked_for_and_told_to_nobody(running):
    password = (running.composition.secrets / "postgres_password").read_text()
    assert len(password) == 48
    assert password not in succeed(running.workers[0], "config", "show", "--json")
    assert all(password not in worker.log_file.read_text() for worker in running.workers)
    wrong = str(_wrong(running.composition, password))
    refused = running.composition.container("migrate", 3, TERRAFUSION_SECRETS_DIR=wrong).run()
    assert refused.returncode == 3
    assert password[::-1] not in refused.stderr


def _wrong(composition: Composition, password: str) -> Path:
    folder = composition.folder / "wrong"
    folder.mkdir()
    address = (composition.secrets / "terrafusion_database_url").read_text()
    (folder / "terrafusion_database_url").write_text(address.replace(password, password[::-1]))
    return folder


def test_a_stopped_worker_ends_within_its_grace_and_is_unhealthy(running):
    worker = running.workers[-1]
    grace = int(running.composition.services["worker"]["stop_grace_period"].removesuffix("s"))
    process = worker._process
    process.send_signal(signal.SIGTERM)
    process.wait(grace)
    assert worker.healthcheck() == 1
    until(lambda: running.workers[0].healthcheck() == 0, what="the other worker has taken over and is well")
