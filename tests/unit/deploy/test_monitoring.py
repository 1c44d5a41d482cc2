"""Alerts and dashboard against the metrics that exist, and against Prometheus' own tool where it is installed."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram
from typer.testing import CliRunner

from terrafusion.cli import build
from terrafusion.metrics import Metrics
from terrafusion.settings import Settings

OURS = re.compile(r"\b(?:terrafusion|market_analysis)_[a-z_]+\b")
GIVEN = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that of buckets."""
PROMTOOL = shutil.which("promtool")


def series() -> dict[str, set[str]]:
    """Return every series that a worker can show, with its labels."""
    found = {}
    for metric in Metrics(CollectorRegistry(), ()).registry._collector_to_names:
        labels = set(metric._labelnames)
        if isinstance(metric, Histogram):
            found |= {f"{metric._name}_{part}": labels | {"le"} for part in ("bucket", "sum", "count")}
        else:
            found[f"{metric._name}_total" if isinstance(metric, Counter) else metric._name] = labels
    return found


SERIES = series()


@pytest.fixture(scope="module")
def dashboard(root):
    return json.loads((root / "deploy" / "grafana" / "dashboards" / "terrafusion.json").read_text())


def asked(rules, dashboard) -> list[str]:
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return [rule["expr"] for rule in rules] + panels


def labels(expression: str) -> set[str]:
    """Return the labels an expression chooses or groups by."""
    grouped = re.findall(r"\b(?:by|on|without|ignoring) ?\(([^)]*)\)", expression)
    chosen = re.findall(r"(\w+) ?(?:=~|!~|!=|=)\"", expression)
    return {label.strip() for group in grouped for label in group.split(",")} | set(chosen)


def metrics(expression: str) -> set[str]:
    return set(OURS.findall(re.sub(r"\"[^\"]*\"", "", expression)))


def test_every_metric_that_is_asked_for_exists(rules, dashboard):
    expressions = asked(rules, dashboard)
    assert len(expressions) > 35
    assert {name for each in expressions for name in metrics(each)} <= SERIES.keys()
    assert [each for each in expressions if not metrics(each) and not re.search(r"up{|\w:\w", each)] == []


def test_every_recorded_series_is_asked_for_and_the_other_way_round(rules):
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert {name for rule in rules for name in re.findall(r"\w+:\w+:\w+", rule["expr"])} == recorded


def test_every_label_that_is_asked_for_exists(rules, dashboard):
    wrong = {}
    for expression in asked(rules, dashboard):
        known = GIVEN.union(*(SERIES[name] for name in metrics(expression)))
        if unknown := labels(expression) - known:
            wrong[expression] = unknown
    assert wrong == {}


def test_every_metric_is_on_the_dashboard(dashboard):
    shown = {name for each in asked([], dashboard) for name in metrics(each)}
    shown |= {f"{name.removesuffix('_bucket')}_{part}" for name in shown for part in ("bucket", "sum", "count")}
    assert SERIES.keys() - shown == set(), "add it to deploy/grafana/dashboard.py and run that"


def test_an_unknown_metric_or_label_would_be_seen():
    assert metrics('sum by (le) (rate(terrafusion_no_such_total{stage="x"}[5m]))') == {"terrafusion_no_such_total"}
    assert labels('sum by (le, zone) (rate(a{stage=~"x", b!="y"}[5m]))') == {"le", "zone", "stage", "b"}


def test_every_alert_says_what_to_do_and_where_it_is_written(alerts, root):
    headings = re.findall(r"^#+ (.+)$", (root / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {f"docs/operations.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 10
    for rule in alerts:
        assert rule["annotations"].keys() == {"summary", "action", "runbook"}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["runbook"] in anchors, rule["alert"]


def test_a_setting_that_an_alert_names_exists(alerts):
    told = " ".join(text for rule in alerts for text in rule["annotations"].values())
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", told))
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


def test_a_command_that_an_alert_names_exists(alerts):
    told = " ".join(rule["annotations"]["action"] for rule in alerts)
    commands = set(re.findall(r"`terrafusion ([a-z -]+)`", told))
    assert len(commands) >= 3
    refused = [each for each in commands if CliRunner().invoke(build(), [*each.split(), "--help"]).exit_code != 0]
    assert refused == []


def test_the_dashboard_is_not_stale(root):
    script = runpy.run_path(str(root / "deploy" / "grafana" / "dashboard.py"))
    assert script["FILE"].read_text() == script["written"](), "run python deploy/grafana/dashboard.py"


def test_panels_lie_beside_each_other(dashboard):
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_grafana_finds_its_source_and_its_dashboard(root, compose, dashboard):
    provisioning = root / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "terrafusion.yml").read_text())["providers"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"] if "datasource" in panel} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_prometheus_asks_every_worker_at_its_port(root, compose):
    config = yaml.safe_load((root / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (workers,) = config["scrape_configs"][0]["dns_sd_configs"]
    worker = compose["services"]["worker"]
    assert workers["names"] == ["worker"]
    assert workers["port"] == worker["environment"]["TERRAFUSION_HTTP_PORT"]
    assert [rule for rule in config["rule_files"] if not (root / "deploy" / "prometheus" / rule).is_file()] == []


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "words",
    [("check", "config", "deploy/prometheus/prometheus.yml"), ("test", "rules", "tests/unit/deploy/alerts.yml")],
    ids=["config", "rules"],
)
def test_prometheus_own_tool_agrees(root, words):
    done = subprocess.run([PROMTOOL, *words], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
