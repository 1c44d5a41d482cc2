"""Jobs from the command line, as scripts and people use it: exit codes, one document on stdout, whole lines."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import UUID, uuid4

import pytest
from support.rig import Rig, TestedWorker
from support.shell import Shell
from support.waiting import until
from support.web import PREFIX

from terrafusion.embedded.processes import free_port
from terrafusion.embedded.workers import environment

NOWHERE = "127.0.0.1:1"


def ended(rig: Rig, job_id: str) -> Any:
    """Wait for a job's end and return it; a request over the topic is no job at once."""

    def look() -> Any:
        reply = rig.web.get(f"{PREFIX}/results/{job_id}")
        return reply.body if reply.status == 200 and reply.body["completed_at"] else None

    return until(look, what=f"job {job_id} ends")


def test_a_request_is_sent_and_told_as_it_was_sent(shell: Shell, rig: Rig) -> None:
    mark = f"cli-{uuid4()}"
    options = ("--params", '{"period":"year"}', "--priority", "7", "--deadline", "2100-01-01T00:00:00+01:00")
    sent = shell.json("run", "trend_analysis", "--county", "lucas_oh", *options, "--correlation-id", mark)
    assert sent["topic"] == "market-analysis.requests.v1"
    job = ended(rig, sent["job_id"])
    assert (job["status"], job["priority"], job["parameters"]) == ("COMPLETED", 7, {"period": "year"})
    assert (job["correlation_id"], job["requested_by"]) == (mark, "/terrafusion/cli")
    row = rig.database.job(sent["job_id"])
    assert (row["origin_partition"], row["origin_offset"]) == (sent["partition"], sent["offset"])
    assert row["deadline"].isoformat() == "2099-12-31T23:00:00+00:00"


def test_the_id_alone_is_on_stdout(shell: Shell, rig: Rig) -> None:
    out, err = shell.run("run", "sleepy", "--county", "king_wa")
    assert UUID(out.strip())
    assert f"terrafusion watch {out.strip()}" in err
    ended(rig, out.strip())


def test_waiting_shows_progress_and_prints_the_job_with_its_result(shell: Shell, rig: Rig) -> None:
    out, err = shell.run("run", "price_trend_by_zip", "--county", "king_wa", "--wait", "--json")
    job = json.loads(out)
    assert job == rig.web.get(f"{PREFIX}/results/{job['job_id']}").body
    assert job["result"]["trends"]
    assert re.search(r"price_trend_by_zip king_wa +COMPLETED 100%", err)


def test_waiting_for_a_job_that_fails_is_a_failure(shell: Shell) -> None:
    assert shell.json("run", "FAILING_ANALYSIS_SIM", "--county", "king_wa", "--wait", code=1)["status"] == "FAILED"
    out, _ = shell.run("run", "trend_analysis", "--county", "nowhere", "--wait", code=1)
    assert "FAILED (unknown_county)" in out


def test_an_answer_of_any_shape_can_be_read(shell: Shell) -> None:
    out, _ = shell.run("run", "tabled", "--county", "king_wa", "--wait")
    assert re.search(r"^ *Total +\d+,\d", out, re.MULTILINE)
    assert re.search(r"^File: file:///\S+\.parquet$", out, re.MULTILINE)


def test_the_bodies_are_those_of_http(shell: Shell, rig: Rig) -> None:
    mark = f"cli-{uuid4()}"
    asked = ("run", "trend_analysis", "--county", "lucas_oh", "--correlation-id", mark, "--wait", "--json")
    job_id = json.loads(shell.wholly(*asked)[0])["job_id"]
    for command, words, path in (
        ("status", [job_id], f"status/{job_id}"),
        ("results", [job_id], f"results/{job_id}"),
        ("watch", [job_id], f"status/{job_id}"),
        ("types", [], "types"),
        ("list", ["--correlation-id", mark], f"list?correlation_id={mark}"),
    ):
        told = json.loads(shell.wholly(command, *words, "--json")[0])
        assert told == rig.web.get(f"{PREFIX}/{path}").body


def test_people_read_whole_lines(shell: Shell) -> None:
    mark = f"cli-{uuid4()}"
    ids = [
        shell.json("run", "sleepy", "--county", "king_wa", "--correlation-id", mark, "--wait")["job_id"] for _ in "12"
    ]
    first, more = shell.run("list", "--correlation-id", mark, "--status", "completed", "--limit", "1")
    assert re.search(rf"{ids[1]}  COMPLETED  sleepy  king_wa$", first, re.MULTILINE)
    cursor = more.split("--cursor ")[1].strip()
    second, no_more = shell.run("list", "--correlation-id", mark, "--limit", "1", "--cursor", cursor)
    assert ids[0] in second
    assert no_more == ""
    assert re.search(rf"^correlation id +{mark}$", shell.run("status", ids[0])[0], re.MULTILINE)
    assert "price_trend_by_zip" in shell.run("types")[0]


def test_progress_is_told_as_it_comes(shell: Shell) -> None:
    _, err = shell.run("run", "sleepy", "--county", "king_wa", "--params", '{"seconds": 2.5}', "--wait")
    assert re.search(r"RUNNING +[1-9]\d?%  Slept \d+ of 125", err)


def test_watching_follows_a_job_to_its_end(shell: Shell) -> None:
    job_id = shell.run("run", "tabled", "--county", "king_wa", "--params", '{"seconds": 3.5}')[0].strip()
    out, err = shell.run("watch", job_id, "--json")
    assert json.loads(out)["status"] == "COMPLETED"
    assert re.search(r"tabled king_wa +COMPLETED 100%", err)
    failed = shell.run("run", "FAILING_ANALYSIS_SIM", "--county", "king_wa")[0].strip()
    assert "simulated_failure" in shell.run("watch", failed, code=1)[0]


def test_a_request_that_a_paused_intake_leaves_on_its_topic_is_said_to_be_there(shell: Shell, rig: Rig) -> None:
    def knows(worker: TestedWorker) -> bool:
        return worker.web.metrics()['terrafusion_paused{scope="intake"}'] == 1

    shell.run("pause", "--reason", "the roll")
    try:
        until(lambda: all(map(knows, rig.workers)), what="every worker knows")
        job_id = shell.run("run", "sleepy", "--county", "king_wa")[0].strip()
        assert "The intake is paused since" in shell.run("status", job_id, code=2)[1]
        with shell.start("watch", job_id) as watching:
            assert watching.stderr is not None
            assert "(the roll): requests wait on their topic" in watching.stderr.readline()
            shell.run("resume")
            out, _ = watching.communicate(timeout=60)
    finally:
        shell.run("resume")
    assert watching.returncode == 0
    assert "COMPLETED" in out


def test_what_changed_between_two_results(shell: Shell) -> None:
    first, second, same = (
        shell.json("run", "trend_analysis", "--county", "lucas_oh", "--params", params, "--wait")["job_id"]
        for params in ('{"period": "year"}', '{"period": "year", "end_date": "1996-12-31"}', '{"period": "year"}')
    )
    told = shell.json("compare", first, second)
    assert told["same_data"] is True
    assert [change["name"] for change in told["parameters"]] == ["end_date"]
    sales = next(figure for figure in told["figures"] if figure["name"] == "data_points_analyzed")
    assert sales["difference"] == sales["second"] - sales["first"] < 0
    assert {row["period"] for row in told["trends"]["only_first"]} == {"1997", "1998"}
    again = shell.json("compare", first, same)
    assert (again["same_answer"], again["parameters"], again["trends"]["changed"]) == (True, [], [])
    out, _ = shell.run("compare", first, second)
    assert re.search(r"^end date +– +1996-12-31", out, re.MULTILINE)  # noqa: RUF001 - a dash for what is not there
    failed = shell.json("run", "FAILING_ANALYSIS_SIM", "--county", "lucas_oh", "--wait", code=1)["job_id"]
    assert "is FAILED; only COMPLETED" in shell.run("compare", first, failed, code=1)[1]
    other = shell.json("run", "tabled", "--county", "lucas_oh", "--wait")["job_id"]
    assert "of different types" in shell.run("compare", first, other, code=2)[1]


def test_a_worker_tells_its_address_once_it_has_started(shell: Shell, rig: Rig, tmp_path: Path) -> None:
    told = environment(rig.settings) | {
        "TERRAFUSION_HTTP_PORT": str(free_port()),
        "TERRAFUSION_DATA_DIR": str(tmp_path),
    }
    with shell.start("worker", "--json", told=told) as worker:
        assert worker.stdout is not None
        document = json.loads(worker.stdout.readline())
        assert document == {"http_url": f"http://127.0.0.1:{told['TERRAFUSION_HTTP_PORT']}", "pid": worker.pid}
        with urlopen(f"{document['http_url']}/livez", timeout=10) as answer:
            assert answer.status == 200
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=30)
    assert (worker.returncode, out, "Traceback" in err) == (0, "", False)


def test_the_documents_are_those_that_a_worker_serves(shell: Shell, rig: Rig) -> None:
    for name in ("openapi", "asyncapi"):
        assert shell.json("schema", name) == rig.web.get(f"/{name}.json").body
    assert set(shell.json("schema", "events")) > {"market-analysis.requests.v1", "market-analysis.status.v1"}


def test_watching_all_jobs_ends_with_ctrl_c(shell: Shell) -> None:
    with shell.start("watch", "--json") as watching:
        assert watching.stderr is not None
        assert watching.stderr.readline() == "Watching; Ctrl-C ends it.\n"
        ids = {shell.json("run", "sleepy", "--county", "king_wa", "--wait")["job_id"] for _ in "1234"}
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=10)
    assert (watching.returncode, err) == (0, "")
    assert ids <= {json.loads(line)["job_id"] for line in out.splitlines()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("results", str(UUID(int=7))), "no job has the id"),
        (("watch", str(UUID(int=7))), "no job has the id"),
        (("list", "--limit", "501"), "limit is '501'"),
    ],
)
def test_what_a_worker_refuses_is_said_in_its_sentence(shell: Shell, words: tuple[str, ...], said: str) -> None:
    out, err = shell.run(*words, code=2)
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("terrafusion")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "trend_analysis", "--county", "a"), {"TERRAFUSION_KAFKA_BOOTSTRAP": NOWHERE}),
        (("list",), {"TERRAFUSION_HTTP_PORT": "1"}),
        (("watch",), {"TERRAFUSION_KAFKA_BOOTSTRAP": NOWHERE}),
    ],
)
def test_a_service_that_is_away_is_named(shell: Shell, words: tuple[str, ...], told: Mapping[str, str]) -> None:
    out, err = shell.run(*words, code=3, told=told)
    assert out == ""
    assert err.count("\n") == 1
    assert "127.0.0.1:1" in err
