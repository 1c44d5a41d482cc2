"""Orders from the command line, before a server that answers as told and writes down what it was asked."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from terrafusion.cli import main, steering

JOB = "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10"
NEW = "1c6e7c6f-4d9f-4a1b-8b62-1d2a6b3a8b21"
PREFIX = "/plugins/v1/market-analysis"
PAUSE = {
    "scope": "county",
    "county_id": "king_wa",
    "analysis_type": None,
    "reason": "reappraisal",
    "requested_by": "me",
    "created_at": "2026-03-01T12:00:00Z",
}


class Worker(HTTPServer):
    """Answers everything alike."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body, self.kind = 200, {}, "application/json"
        self.asked: list[tuple[str, str, Any, str | None]] = []

    def says(self, body: Any, status: int = 200) -> None:
        self.status, self.body = status, body
        self.kind = "application/json" if status < 400 else "application/problem+json"


class Handler(BaseHTTPRequestHandler):
    server: Worker

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        who = self.headers.get("X-Requested-By")
        self.server.asked.append((self.command, self.path, json.loads(content or b"null"), who))
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.kind)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.body).encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(steering.getpass, "getuser", lambda: "kim")
    with Worker() as server:
        monkeypatch.setenv("TERRAFUSION_HTTP_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def terrafusion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["terrafusion", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code or 0, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (("cancel", JOB), f"cancel/{JOB}", {}),
        (("cancel", JOB, "--reason", "wrong year"), f"cancel/{JOB}", {"reason": "wrong year"}),
        (("retry", JOB), f"retry/{JOB}", {}),
        (("pause",), "pause", {}),
        (("pause", "--county", "king_wa", "--reason", "x"), "pause", {"county_id": "king_wa", "reason": "x"}),
        (("pause", "--type", "noop"), "pause", {"analysis_type": "noop"}),
        (("resume", "--county", "king_wa"), "resume", {"county_id": "king_wa"}),
    ],
)
def test_what_is_ordered_is_what_a_worker_is_asked(worker, terrafusion, words, path, body):
    worker.says({"job_id": NEW, "status": "CANCELLED", "message": "Cancelled", "was_paused": True, **PAUSE})
    assert terrafusion(*words, "--json")[0] == 0
    assert worker.asked == [("POST", f"{PREFIX}/{path}", body, "kim")]


def test_a_person_reads_a_sentence_and_a_program_the_body(worker, terrafusion):
    worker.says({"job_id": JOB, "status": "CANCELLED", "message": "Cancelled by kim: wrong year"})
    assert terrafusion("cancel", JOB) == (0, f"Job {JOB} is CANCELLED: Cancelled by kim: wrong year.\n", "")
    code, out, err = terrafusion("cancel", JOB, "--json")
    assert (code, json.loads(out), err) == (0, worker.body, "")


def test_a_retry_prints_the_new_id_and_nothing_else_on_stdout(worker, terrafusion):
    worker.says({"job_id": NEW}, status=202)
    code, out, err = terrafusion("retry", JOB)
    assert (code, out) == (0, f"{NEW}\n")
    assert f"terrafusion watch {NEW}" in err


def test_what_stands_still_is_told_a_line_each(worker, terrafusion):
    intake = PAUSE | {"scope": "intake", "county_id": None, "reason": None, "requested_by": None}
    worker.says({"pauses": [PAUSE, intake]})
    _, out, _ = terrafusion("pauses")
    assert out.splitlines() == [
        "county king_wa, since 2026-03-01T12:00:00Z by me: reappraisal",
        "intake, since 2026-03-01T12:00:00Z",
    ]
    worker.says({"pauses": []})
    assert terrafusion("pauses")[1] == "Nothing is paused.\n"


def test_a_resume_says_whether_there_was_anything_to_do(worker, terrafusion):
    worker.says({"was_paused": True})
    assert terrafusion("resume", "--county", "king_wa")[1] == "king_wa goes on.\n"
    worker.says({"was_paused": False})
    assert terrafusion("resume")[1] == "The intake was not paused.\n"


@pytest.mark.parametrize(("status", "code"), [(409, 1), (404, 2), (422, 2), (503, 3)])
def test_a_refusal_is_the_worker_s_sentence_and_its_exit_code_says_which(worker, terrafusion, status, code):
    worker.says({"detail": "job 17 is COMPLETED; what has ended cannot be cancelled"}, status=status)
    ended, out, err = terrafusion("cancel", JOB)
    assert (ended, out) == (code, "")
    assert "job 17 is COMPLETED; what has ended cannot be cancelled" in " ".join(err.split())


def test_a_county_and_a_type_at_once_ask_nobody(worker, terrafusion):
    for verb in ("pause", "resume"):
        code, out, err = terrafusion(verb, "--county", "a", "--type", "b")
        assert (code, out) == (2, "")
        assert "--type is given beside --county" in err
    assert worker.asked == []


@pytest.mark.parametrize("name", ["k\nm", "ki\N{LATIN SMALL LETTER E WITH ACUTE}", KeyError("no user")])
def test_a_user_whose_name_fits_no_header_is_left_out(monkeypatch, name):
    def getuser() -> str:
        if isinstance(name, KeyError):
            raise name
        return name

    monkeypatch.setattr(steering.getpass, "getuser", getuser)
    assert steering.signature() == {}
