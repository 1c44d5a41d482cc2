"""What a shell is told to complete, in the three shells' own ways, and that nothing goes wrong where nobody answers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from terrafusion.cli import completion, main

ID = "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10"
JOB = {"job_id": ID, "status": "RUNNING", "analysis_type": "trend_analysis", "county_id": "king_wa"}
BODIES = {
    "/plugins/v1/market-analysis/counties": {"counties": [{"county_id": "lucas_oh"}, {"county_id": "king_wa"}]},
    "/plugins/v1/market-analysis/list": {"jobs": [JOB]},
}
Completed = Callable[..., str]


class Answering(BaseHTTPRequestHandler):
    """A worker as far as a shell asks one."""

    def do_GET(self) -> None:
        time.sleep(self.server.slowness)
        with suppress(ConnectionError):  # who asked has left
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.says(self.path))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.slowness = 0.0
    server.says = lambda path: json.dumps(BODIES[path]).encode()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("TERRAFUSION_HTTP_PORT", str(server.server_port))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Completed:
    def complete(line: str, shell: str = "bash") -> str:
        words = line.split(" ")
        told = {"_TERRAFUSION_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
        told |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["terrafusion"])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code, err) == (0, "")
        return out

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_types_in_each_shell(completed: Completed, shell: str) -> None:
    assert "price_trend_by_zip" in completed("terrafusion run pri", shell)
    assert "compare" in completed("terrafusion comp", shell)


def test_only_what_begins_so(completed: Completed) -> None:
    assert completed("terrafusion run price_trend").split() == ["price_trend_by_zip"]
    assert "price" not in completed("terrafusion analyze tr")


@pytest.mark.parametrize("line", ["terrafusion run trend_analysis --county ", "terrafusion list --county "])
def test_counties_of_a_worker(completed: Completed, worker: Any, line: str) -> None:
    assert completed(line).split() == ["king_wa", "lucas_oh"]
    assert completed(f"{line}l").split() == ["lucas_oh"]


def test_it_is_asked_where_the_view_is_said_to_be(
    completed: Completed, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.says = lambda path: json.dumps(BODIES[path.removeprefix("/sales")]).encode()
    monkeypatch.setenv("TERRAFUSION_VIEW_URL", f"http://127.0.0.1:{worker.server_port}/sales/")
    monkeypatch.setenv("TERRAFUSION_HTTP_PORT", "1")
    assert completed("terrafusion list --county l").split() == ["lucas_oh"]


@pytest.mark.parametrize("command", ["status", "results", "watch", "compare"])
def test_jobs_of_a_worker(completed: Completed, worker: Any, command: str) -> None:
    assert completed(f"terrafusion {command} ").split() == [ID]
    assert completed(f"terrafusion {command} 7").split() == []


def test_a_job_is_told_with_what_it_is(completed: Completed, worker: Any) -> None:
    assert "RUNNING trend_analysis king_wa" in completed("terrafusion status ", "zsh")


@pytest.mark.parametrize(
    "said", [b"", b"<html>", b"[]", b'{"counties": 7}', b'{"counties": [7]}', b'{"counties": [{}]}']
)
def test_nonsense_completes_nothing(completed: Completed, worker: Any, said: bytes) -> None:
    worker.says = lambda _path: said
    assert completed("terrafusion list --county ").split() == []


@pytest.mark.parametrize("port", ["1", "0", "many"])
def test_nobody_there_completes_nothing(completed: Completed, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TERRAFUSION_HTTP_PORT", port)
    assert completed("terrafusion list --county ").split() == []
    assert completed("terrafusion status ").split() == []


def test_who_takes_long_is_not_waited_for(completed: Completed, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "PATIENCE_S", 0.05)
    worker.slowness = 0.5
    assert completed("terrafusion list --county ").split() == []
