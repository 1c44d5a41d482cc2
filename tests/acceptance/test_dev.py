"""`terrafusion dev`, seen from outside: what it prints, what it keeps alive, what it leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

TERRAFUSION = (sys.executable, "-m", "terrafusion")


@dataclass
class Dev:
    """A `dev` that said it is ready."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def pids(self) -> list[int]:
        pids = self.said["pids"]
        return [pids["postgres"], pids["kafka"], *pids["workers"]]


@contextmanager
def started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [*TERRAFUSION, "dev", "--data-dir", str(folder), "--http-port", "0", *options]
    with (
        (folder.parent / "dev.err").open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def ready(folder: Path, *options: str) -> Iterator[Dev]:
    with started(folder, *options) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder.parent / "dev.err").read_text()
        yield Dev(process, json.loads(line))


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with ready(tmp_path_factory.mktemp("dev") / "data", "--workers", "2", "--no-samples") as running:
        yield running


def answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=2) as response:
            return response.status == 200
    except (URLError, OSError):
        return False


def eventually(condition: Any, *, within: float = 30) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_the_line_says_where_everything_is(dev: Dev) -> None:
    assert set(dev.said) == {
        "http_url",
        "kafka_bootstrap",
        "database_url",
        "results_url",
        "data_dir",
        "worker_urls",
        "pids",
    }
    assert dev.said["worker_urls"][0] == dev.said["http_url"]
    assert all(answers(url) for url in dev.said["worker_urls"])
    assert len(set(dev.pids)) == 4
    assert set(dev.pids) <= {child.pid for child in dev.family}


def test_a_second_one_in_the_same_folder_is_refused(dev: Dev) -> None:
    second = subprocess.run(
        [*TERRAFUSION, "dev", "--data-dir", dev.said["data_dir"]], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert "in use by another" in second.stderr
    assert second.stdout == ""


def test_a_worker_that_is_killed_is_started_again_on_its_port(dev: Dev) -> None:
    killed, url = dev.said["pids"]["workers"][1], dev.said["worker_urls"][1]
    psutil.Process(killed).kill()
    assert eventually(lambda: not answers(url), within=5)
    assert eventually(lambda: all(answers(url) for url in dev.said["worker_urls"]))


def test_servers_that_are_killed_are_started_again(dev: Dev) -> None:
    for name in ("postgres", "kafka"):
        psutil.Process(dev.said["pids"][name]).kill()
    assert eventually(lambda: not answers(dev.said["http_url"]))
    assert eventually(lambda: all(answers(url) for url in dev.said["worker_urls"]), within=60)


def test_sigterm_stops_all_of_it_in_good_order_and_kill_9_leaves_nothing_either(tmp_path: Path) -> None:
    with ready(tmp_path / "data", "--no-samples") as first:
        family = first.family
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(30) == 0
        assert first.process.stdout is not None
        assert first.process.stdout.read() == ""
        assert psutil.wait_procs(family, timeout=5)[1] == []
    with ready(tmp_path / "data", "--no-samples") as second:
        addresses = ("http_url", "kafka_bootstrap", "database_url")
        assert [second.said[name] for name in addresses] == [first.said[name] for name in addresses]
        family = second.family
        assert len(family) >= 3
        second.process.kill()
        assert psutil.wait_procs(family, timeout=20)[1] == []


def test_an_interrupt_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path / "data", "--no-samples") as process:
        assert eventually((tmp_path / "data" / "kafka" / "kafka.log").exists)
        assert eventually(lambda: "postgres is up" in (tmp_path / "dev.err").read_text())
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []


def test_a_taken_port_is_refused_in_a_sentence(tmp_path: Path, dev: Dev) -> None:
    taken = dev.said["http_url"].rpartition(":")[2]
    command = [*TERRAFUSION, "dev", "--data-dir", str(tmp_path / "data"), "--no-samples", "--http-port", taken]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert f"HTTP port {taken} is taken" in refused.stderr
