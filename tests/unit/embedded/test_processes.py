"""Ports are free, remembered, and not where a client could meet itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from terrafusion.embedded import jars
from terrafusion.embedded.processes import PORTS, free_port, is_free, remembered_port
from terrafusion.errors import Unavailable


def test_a_port_is_remembered_while_it_is_free(tmp_path: Path) -> None:
    port = remembered_port(tmp_path / "port")
    assert remembered_port(tmp_path / "port") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        assert remembered_port(tmp_path / "port") != port


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert free_port() in PORTS
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if range_file.exists():
        assert max(PORTS) < int(range_file.read_text().split()[0])


def test_a_jar_that_is_not_the_locked_one_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "re2j-1.8.jar"
    jar.write_bytes(b"half a jar")
    monkeypatch.setattr(jars, "_resolved", lambda _: [jar])
    with pytest.raises(Unavailable, match=r"differ in .*re2j-1\.8\.jar"):
        jars.kafka_jars(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_java_is_told_of_what_it_learned_only_where_that_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "kafka-1.0"
    assert jars.remembered(folder) == ()
    jars.memory(folder).touch()
    assert jars.remembered(folder)[0] == f"-XX:AOTCache={jars.memory(folder)}"
