"""docker-compose.yml without an engine: its commands as processes, its names as loopback addresses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, BinaryIO

import asyncpg
import yaml

from terrafusion.embedded.kafka import EmbeddedKafka, _java
from terrafusion.embedded.postgres import EmbeddedPostgres, binaries
from terrafusion.embedded.processes import Server, complete, free_port

ROOT = Path(__file__).parents[2]
CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
"""What the image takes where none is given."""
KAFKA_PORTS = {"9092", "9093", "9094"}


def read() -> Any:
    """Return the file with the variables' defaults put in."""
    return _filled(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def _filled(value: Any) -> Any:
    """Put the defaults in as Compose does, after the file is read: `off` is a word there."""
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return re.sub(r"\$\{\w+:-([^}]*)}", r"\1", value) if isinstance(value, str) else value


def order(services: Mapping[str, Any]) -> Sequence[str]:
    """Return the services as they start."""
    needs = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    return list(TopologicalSorter(needs).static_order())


def directive(name: str) -> Sequence[str]:
    """Return the words of an instruction of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return json.loads(re.findall(rf"^{name}[^\[]*(\[.*)$", text, re.MULTILINE)[-1])


class ComposedPostgres(EmbeddedPostgres):
    """A Postgres that asks for the password in the secret."""

    async def ask_for(self, password: str) -> None:
        """Ask for it from now on."""
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        await connection.execute(f"ALTER ROLE terrafusion PASSWORD '{password}'")
        (self._data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

    def healthcheck(self, test: Sequence[str]) -> int:
        """Run the container's healthcheck and return its exit code."""
        assert test[0] == "CMD"
        command = [str(binaries() / test[1]), *test[2:], f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode


class ComposedKafka(EmbeddedKafka):
    """A broker configured by the image's own program, out of the container's environment."""

    def __init__(self, folder: Path, given: Mapping[str, Any]) -> None:
        super().__init__(folder)
        self._given = given
        self.ports: dict[str, int] = {}

    def local(self, text: str) -> str:
        """Return a text with the container's addresses replaced by ours."""
        pattern = rf"(?:kafka|127\.0\.0\.1)?:({'|'.join(KAFKA_PORTS)})\b"
        return re.sub(pattern, lambda found: f"127.0.0.1:{self.ports[found[1]]}", text)

    def _initialize(self, log: BinaryIO) -> None:
        self.ports = {"9092": self.port, "9093": free_port(), "9094": free_port()}
        folders = [self.folder / name for name in ("defaults", "mounted", "config")]
        for folder in folders:
            folder.mkdir()
        for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
            (folders[0] / name).touch()
        options = ("--default-configs-dir", "--mounted-configs-dir", "--final-configs-dir")
        paired = [word for pair in zip(options, map(str, folders), strict=True) for word in pair]
        variables = {name: f"{name}={self.local(str(value))}" for name, value in self._given.items()}
        variables["KAFKA_LOG_DIRS"] = f"KAFKA_LOG_DIRS={self.folder / 'data'}"
        wrapper = [*_java(), "kafka.docker.KafkaDockerWrapper", "setup", *paired]
        complete(["env", f"CLUSTER_ID={CLUSTER_ID}", *variables.values(), *wrapper], log=log)

    @property
    def _config(self) -> Path:
        return self.folder / "config" / "server.properties"


class Container(Server):
    """A service of ours as a process: its command, its environment, nothing inherited but the PATH."""

    stop_signal = at_our_death = signal.SIGTERM

    def __init__(self, folder: Path, command: Sequence[str], given: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.name = self.folder.name
        self._words = command
        self._given = given

    def environment(self) -> dict[str, str]:
        """Return all that the process is told."""
        told = dict(self._given)
        if "TERRAFUSION_HTTP_PORT" in told:
            told |= {"TERRAFUSION_HTTP_PORT": str(self.port), "TERRAFUSION_HTTP_HOST": "127.0.0.1"}
        return told

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, its own where none is given, and wait for its end."""
        words = [*directive("ENTRYPOINT"), *(command or self._words)]
        return self._ran([_local(words[0]), *words[1:]])

    def healthcheck(self) -> int:
        """Run the image's healthcheck and return its exit code."""
        words = directive("HEALTHCHECK")
        return self._ran([_local(words[0]), *words[1:]]).returncode

    def _ran(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        told = {"PATH": os.environ["PATH"], **self.environment()}
        return subprocess.run(words, env=told, cwd=self.folder, capture_output=True, text=True, timeout=90, check=False)

    def _initialize(self, log: BinaryIO) -> None:
        pass

    def _command(self) -> Sequence[str]:
        told = [f"{name}={value}" for name, value in self.environment().items()]
        words = [*directive("ENTRYPOINT"), *self._words]
        return ["env", "-i", f"PATH={os.environ['PATH']}", *told, _local(words[0]), *words[1:]]

    def _answers(self) -> bool:
        return self.healthcheck() == 0


def _local(program: str) -> str:
    return str(Path(sys.executable).with_name(program))


class Composition:
    """The whole file on this machine, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.services = read()["services"]
        self.folder = folder
        self.postgres = ComposedPostgres(folder / "postgres")
        self.kafka = ComposedKafka(folder / "kafka", self.services["kafka"]["environment"])
        self.secrets = self._secrets()

    def _secrets(self) -> Path:
        script = self.folder / "secrets.sh"
        script.write_bytes((ROOT / "deploy" / "secrets.sh").read_bytes())
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        return self.folder / "secrets"

    def container(self, service: str, number: int = 1, **changes: str) -> Container:
        """Return a service of ours, with every name of the network replaced by what stands for it here."""
        given = {**self.services[service]["environment"], **changes}
        told = {name: self._local(str(value)) for name, value in given.items()}
        made = Container(self.folder / f"{service}-{number}", self.services[service]["command"], told)
        made.prepare()
        return made

    def _local(self, value: str) -> str:
        value = value.replace("/var/lib/terrafusion", str(self.folder / "volumes"))
        return self.kafka.local(value.replace("/run/secrets", str(self.secrets)))

    def connect_secrets(self) -> None:
        """Let the secret address lead to our Postgres; user, password and database stay."""
        file = self.secrets / "terrafusion_database_url"
        address = file.read_text().replace("@postgres/", f"@127.0.0.1:{self.postgres.port}/")
        file.chmod(0o600)
        file.write_text(address)
