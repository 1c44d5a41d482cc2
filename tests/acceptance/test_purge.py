"""A job that was purged is gone for everybody: row, files, every worker's view, the topic; and its id may come again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from support.rig import Rig
from support.tape import Tape, request
from support.waiting import until
from support.web import PREFIX

AGE = """
    UPDATE market_analysis_jobs SET created_at = created_at - interval '400 days',
        completed_at = completed_at - interval '400 days' WHERE job_id = $1
"""


def purge(rig: Rig) -> None:
    given: Mapping[str, str] = {
        "TERRAFUSION_DATABASE_URL": rig.settings.database.render_as_string(hide_password=False).partition("?")[0],
        "TERRAFUSION_RESULTS_URL": rig.settings.results,
    }
    command = [sys.executable, "-m", "terrafusion", "purge", "--json"]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_purged_job_is_gone_everywhere_and_its_id_may_come_again(rig: Rig, tape: Tape) -> None:
    asked, kept = request("trend_analysis"), request("trend_analysis")
    rig.upstream.send(asked, kept)
    job_id = asked["job_id"]
    location = tape.completed(job_id, within=90).body["result_data_location"]
    tape.completed(kept["job_id"])
    file = Path(unquote(urlsplit(location).path))
    assert file.exists()
    rig.database.rows(AGE, job_id)
    purge(rig)
    assert not list(file.parent.glob(f"{job_id}*"))
    until(lambda: tape.of(job_id)[-1].value is None, what="the tombstone is published", within=90)
    for worker in rig.workers:
        for path in (f"status/{job_id}", f"results/{job_id}", f"events/{job_id}"):
            assert worker.web.get(f"{PREFIX}/{path}").status == 404
        assert worker.web.get(f"/jobs/{job_id}").status == 404
        assert worker.web.status(kept["job_id"])["status"] == "COMPLETED"
    told = len(tape.of(job_id))
    rig.upstream.send(asked)
    until(lambda: len(tape.of(job_id)) > told, what="the id comes again", within=90)
    assert tape.of(job_id)[told].body["sequence"] == 1
    until(lambda: tape.of(job_id)[-1].body["status"] == "COMPLETED", what="it is answered anew", within=90)
    for worker in rig.workers:
        assert worker.web.get(f"{PREFIX}/results/{job_id}").body["result"]["result_summary"]
