"""Write the dashboard: `python deploy/grafana/dashboard.py`. A test fails where the file is stale."""

# ruff: noqa: INP001  what is deployed is no package

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "dashboards" / "terrafusion.json"
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
WIDTH: Final = 24
CHOSEN: Final = 'county_id=~"$county", analysis_type=~"$type"'


@dataclass(frozen=True)
class Panel:
    """One chart or figure: its title, what it asks (legend to expression), its unit, how large it is."""

    title: str
    asks: Mapping[str, str]
    unit: str = "short"
    text: str = ""
    kind: str = "timeseries"
    width: int = 8
    height: int = 8


def _figure(title: str, ask: str, unit: str = "short", text: str = "") -> Panel:
    return Panel(title, {"": ask}, unit, text, kind="stat", width=4, height=4)


def _rate(metric: str) -> str:
    return f"sum(rate({metric}{{{CHOSEN}}}[$__rate_interval]))"


def _by(label: str, metric: str) -> str:
    return f"sum by ({label}) (increase({metric}[$__rate_interval]))"


def _quantile(share: float, metric: str, chosen: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{{chosen}}}[$__rate_interval])))"


DURATION: Final = "market_analysis_processing_duration_seconds"
WAIT: Final = "terrafusion_queue_wait_seconds"
OPEN: Final = "max by (stage) (terrafusion_dead_letters_open)"
ROWS: Final[Mapping[str, Sequence[Panel]]] = {
    "Now": (
        _figure("Workers", 'count(up{job="terrafusion"} == 1) or vector(0)', text="That answer Prometheus."),
        _figure("Relay", "sum(terrafusion_relay_leader)", text="1: exactly one worker publishes events."),
        _figure("Running", "sum(terrafusion_jobs_in_flight)", text="Jobs that workers hold."),
        _figure("Oldest event", "max(terrafusion_outbox_age_seconds)", "s", "That waits for the broker."),
        _figure("Open dead letters", f"sum({OPEN})", text="That nobody dealt with yet."),
        _figure("Failed, 24 h", "sum(increase(market_analysis_jobs_failed_total[24h]))"),
    ),
    "Jobs": (
        Panel(
            "Jobs a second",
            {
                "accepted": _rate("market_analysis_jobs_submitted_total"),
                "completed": _rate("market_analysis_jobs_completed_total"),
                "failed": _rate("market_analysis_jobs_failed_total"),
            },
            "ops",
        ),
        Panel(
            "Wait for a slot",
            {"half": _quantile(0.5, WAIT), "19 of 20": _quantile(0.95, WAIT)},
            "s",
            "From accept to claim, of all jobs.",
        ),
        Panel(
            "Time of an analysis",
            {"half": _quantile(0.5, DURATION, CHOSEN), "19 of 20": _quantile(0.95, DURATION, CHOSEN)},
            "s",
            "From its start to its stored answer.",
        ),
        Panel("Jobs that could run now", {"jobs": "max(terrafusion_queue_jobs)"}, text="At most 10,000 are counted."),
        Panel(
            "Wait of the next job",
            {"so far": "max(terrafusion_queue_age_seconds)"},
            "s",
            "Of the first of each queue, the longest; also where no worker takes any.",
        ),
        Panel(
            "Completed by county",
            {"{{county_id}}": _by("county_id", f"market_analysis_jobs_completed_total{{{CHOSEN}}}")},
        ),
        Panel(
            "Completed by type",
            {"{{analysis_type}}": _by("analysis_type", f"market_analysis_jobs_completed_total{{{CHOSEN}}}")},
        ),
        Panel(
            "Failed by reason",
            {"{{failure_reason}}": _by("failure_reason", f"market_analysis_jobs_failed_total{{{CHOSEN}}}")},
        ),
    ),
    "Events": (
        Panel("Outbox", {"entries": "max(terrafusion_outbox_entries)"}, text="Entries that wait for the relay."),
        Panel(
            "Events published a second", {"{{instance}}": "rate(terrafusion_events_published_total[$__rate_interval])"}
        ),
        Panel("Messages that could not be used", {"{{stage}}": _by("stage", "terrafusion_dead_letters_total")}),
        Panel("Open dead letters", {"{{stage}}": OPEN}, text="That nobody dealt with yet."),
        Panel("Dead letters dealt with", {"{{state}}": _by("state", "terrafusion_dead_letters_handled_total")}),
    ),
    "By hand": (
        Panel(
            "Commands", {"{{command}}: {{outcome}}": _by("command, outcome", "terrafusion_commands_total")}, width=12
        ),
        Panel("Paused", {"{{scope}}": "max by (scope) (terrafusion_paused)"}, width=12),
    ),
    "Workers": (
        Panel("Jobs held", {"{{instance}}": "terrafusion_jobs_in_flight"}),
        Panel("Purged", {"{{what}}": _by("what", "terrafusion_purged_total")}, text="What was kept long enough."),
        Panel("Jobs in the live table", {"{{instance}}": "terrafusion_jobs_table_entries"}),
        Panel("Rebalances", {"{{instance}}": "increase(terrafusion_rebalances_total[$__rate_interval])"}),
        Panel(
            "Jobs that changed hands",
            {
                "taken over": "sum(increase(terrafusion_takeovers_total[$__rate_interval]))",
                "lost": "sum(increase(terrafusion_leases_lost_total[$__rate_interval]))",
                "answers thrown away": "sum(increase(terrafusion_finishes_fenced_total[$__rate_interval]))",
            },
        ),
        Panel(
            "Child processes that died", {"{{instance}}": "increase(terrafusion_child_deaths_total[$__rate_interval])"}
        ),
        Panel(
            "Workers with a child process", {"workers": "sum(terrafusion_has_child)"}, text="The others claim nothing."
        ),
        Panel(
            "What stood still",
            {"{{instance}}: {{part}}": "increase(terrafusion_stalls_total[$__rate_interval])"},
            text="Parts that did not move for 20 s; ended, cured or told.",
        ),
        Panel(
            "Records not acknowledged",
            {
                "{{topic}}": "max by (topic) (terrafusion_consumer_lag_records)",
                "partitions that nobody takes": "max(terrafusion_partitions_stalled)",
            },
        ),
        Panel(
            "Requests that came again",
            {"duplicates": "sum(increase(terrafusion_duplicate_requests_total[$__rate_interval]))"},
        ),
    ),
}


def dashboard() -> Mapping[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "terrafusion",
        "title": "TerraFusion Market Analysis",
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_variable("county", "county_id"), _variable("type", "analysis_type")]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(_panels(), start=1)],
    }


def _variable(name: str, label: str) -> Mapping[str, Any]:
    query = f"label_values(market_analysis_jobs_submitted_total, {label})"
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[Mapping[str, Any]]:
    top = 0
    for title, panels in ROWS.items():
        yield {"type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}}
        top += 1
        left = 0
        for panel in panels:
            if left + panel.width > WIDTH:
                left, top = 0, top + panel.height
            yield _panel(panel, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left += panel.width
        top += panels[-1].height


def _panel(panel: Panel, place: Mapping[str, int]) -> Mapping[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": ask, "legendFormat": legend or "__auto"}
            for number, (legend, ask) in enumerate(panel.asks.items())
        ],
    }


def written() -> str:
    """Return what the file should hold."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())
