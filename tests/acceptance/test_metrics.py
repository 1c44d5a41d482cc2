"""The platform's metrics: names, labels and buckets exactly, and labels that no caller can make."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import uuid4

import yaml
from support.rig import ROOT, Rig
from support.tape import Tape, request
from support.waiting import until
from support.web import PREFIX

SUBMITTED = "market_analysis_jobs_submitted_total"
COMPLETED = "market_analysis_jobs_completed_total"
FAILED = "market_analysis_jobs_failed_total"
DURATION = "market_analysis_processing_duration_seconds"
BUCKETS = ("1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "600.0", "+Inf")
OF_THE_RUNTIME = (
    "terrafusion_jobs_in_flight",
    "terrafusion_queue_wait_seconds_count",
    "terrafusion_queue_jobs",
    "terrafusion_queue_age_seconds",
    "terrafusion_outbox_entries",
    "terrafusion_outbox_age_seconds",
    "terrafusion_leases_lost_total",
    "terrafusion_takeovers_total",
    "terrafusion_rebalances_total",
    "terrafusion_child_deaths_total",
    "terrafusion_jobs_table_entries",
    "terrafusion_relay_leader",
)


def everywhere(rig: Rig) -> Mapping[str, float]:
    """Add up the samples of all workers, as Prometheus does."""
    total: dict[str, float] = {}
    for worker in rig.workers:
        for name, value in worker.web.metrics().items():
            total[name] = total.get(name, 0.0) + value
    return total


def sample(name: str, **labels: str) -> str:
    """Write a sample's name as the text format does."""
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"


def rose(rig: Rig, before: Mapping[str, float], name: str, by: float) -> None:
    until(lambda: everywhere(rig).get(name, 0.0) - before.get(name, 0.0) == by, what=f"{name} rises by {by:g}")


def test_a_job_that_completes(rig: Rig, tape: Tape) -> None:
    job = {"county_id": "lucas_oh", "analysis_type": "sleepy"}
    before = everywhere(rig)
    tape.ends(rig.upstream.send(*(request("sleepy", "lucas_oh", parameters={"seconds": 1.2}) for _ in range(3))))
    rose(rig, before, sample(SUBMITTED, **job, status_on_submit="PENDING"), 3)
    rose(rig, before, sample(COMPLETED, **job), 3)
    rose(rig, before, sample(f"{DURATION}_count", **job), 3)
    after = everywhere(rig)
    assert 3.6 < after[sample(f"{DURATION}_sum", **job)] - before.get(sample(f"{DURATION}_sum", **job), 0) < 9
    found = {name: after[sample(f"{DURATION}_bucket", **job, le=name)] for name in BUCKETS}
    assert found["1.0"] < found["+Inf"] == after[sample(f"{DURATION}_count", **job)]
    every = [name for name in after if name.startswith(sample(f"{DURATION}_bucket", **job)[:-1])]
    assert len(every) == len(BUCKETS)


def test_the_drill_is_counted_by_its_reason(rig: Rig, tape: Tape) -> None:
    before = everywhere(rig)
    [end] = tape.ends(rig.upstream.send(request("FAILING_ANALYSIS_SIM")))
    assert end["failure_reason"] == "simulated_failure"
    job = {"county_id": "king_wa", "analysis_type": "FAILING_ANALYSIS_SIM"}
    rose(rig, before, sample(FAILED, **job, failure_reason="simulated_failure"), 1)


def test_a_request_over_http_is_counted_as_well(rig: Rig, tape: Tape) -> None:
    before = everywhere(rig)
    posted = rig.web.post(f"{PREFIX}/run", {"analysis_type": "noop", "county_id": "king_wa"})
    tape.ends([posted.body["job_id"]])
    job = {"county_id": "king_wa", "analysis_type": "noop"}
    rose(rig, before, sample(SUBMITTED, **job, status_on_submit="PENDING"), 1)
    rose(rig, before, sample(COMPLETED, **job), 1)


def test_no_caller_makes_a_new_series(rig: Rig, tape: Tape) -> None:
    before = everywhere(rig)
    strange = [request(f"type-{uuid4()}"), request("trend_analysis", f"county-{uuid4()}")]
    assert [end["status"] for end in tape.ends(rig.upstream.send(*strange))] == ["FAILED", "FAILED"]
    unknown_type = {"county_id": "king_wa", "analysis_type": "other"}
    unknown_county = {"county_id": "other", "analysis_type": "trend_analysis"}
    rose(rig, before, sample(SUBMITTED, **unknown_type, status_on_submit="FAILED"), 1)
    rose(rig, before, sample(FAILED, **unknown_type, failure_reason="unknown_analysis_type"), 1)
    rose(rig, before, sample(FAILED, **unknown_county, failure_reason="unknown_county"), 1)
    exposed = json.dumps(everywhere(rig))
    assert not [asked for asked in strange if asked["analysis_type"] in exposed and "-" in asked["analysis_type"]]
    assert strange[1]["county_id"] not in exposed


def test_what_the_runtime_tells_of_itself_is_there(rig: Rig) -> None:
    seen = everywhere(rig)
    assert [name for name in OF_THE_RUNTIME if name not in seen] == []
    assert seen["terrafusion_relay_leader"] == 1.0


def test_the_format_says_what_each_is(rig: Rig) -> None:
    lines = rig.web.get("/metrics").content.decode().splitlines()
    for name in (SUBMITTED, COMPLETED, FAILED):
        assert f"# TYPE {name} counter" in lines
    assert f"# TYPE {DURATION} histogram" in lines


def test_what_alerts_and_dashboard_ask_for_is_what_a_worker_shows(rig: Rig) -> None:
    deploy = ROOT / "deploy"
    groups = yaml.safe_load((deploy / "prometheus" / "alerts.yml").read_text())["groups"]
    panels = json.loads((deploy / "grafana" / "dashboards" / "terrafusion.json").read_text())["panels"]
    asked = [rule["expr"] for group in groups for rule in group["rules"]]
    asked += [target["expr"] for panel in panels for target in panel.get("targets", [])]
    unquoted = re.sub(r"\"[^\"]*\"", "", " ".join(asked))
    names = set(re.findall(r"\b(?:terrafusion|market_analysis)_[a-z_]+\b(?!:)", unquoted))
    text = rig.web.get("/metrics").content.decode()
    shown = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
    shown |= {
        f"{name}_{part}": ""
        for name, kind in shown.items()
        if kind == "histogram"
        for part in ("bucket", "sum", "count")
    }
    assert len(names) > 25
    assert names - shown.keys() == set()
