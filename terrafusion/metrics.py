"""Every metric, once: its name, its labels, its buckets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

OTHER: Final = "other"
JOB: Final = ("county_id", "analysis_type")
PROCESSING_BUCKETS: Final = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, float("inf"))
WAIT_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, float("inf"))


class Metrics:
    """The process' metrics on one registry. A label is a known county or type, or `other`."""

    def __init__(self, registry: CollectorRegistry, types: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self._types = frozenset(types)
        self._counties: frozenset[str] = frozenset()
        self._measure_jobs()
        self._measure_orders()
        self._measure_queue()
        self._measure_letters()
        self._measure_messages()
        self._measure_attempts()
        self._measure_group()
        self._measure_worker()
        self._measure_relay()
        self._measure_upkeep()

    def _counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        return Counter(name, text, list(labels), registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, text, list(labels), registry=self.registry)

    def _measure_jobs(self) -> None:
        self._submitted = self._counter(
            "market_analysis_jobs_submitted_total",
            "Jobs accepted, by the state they began in",
            [*JOB, "status_on_submit"],
        )
        self._completed = self._counter("market_analysis_jobs_completed_total", "Jobs that got their answer", JOB)
        self._failed = self._counter(
            "market_analysis_jobs_failed_total", "Jobs that got none, by reason", [*JOB, "failure_reason"]
        )
        self._duration = Histogram(
            "market_analysis_processing_duration_seconds",
            "From the start of the analysis to its stored answer",
            JOB,
            buckets=PROCESSING_BUCKETS,
            registry=self.registry,
        )

    def _measure_orders(self) -> None:
        self.commands = self._counter(
            "terrafusion_commands_total", "Commands, by what became of them", ["command", "outcome"]
        )
        self.paused = self._gauge("terrafusion_paused", "What stands still by somebody's order", ["scope"])

    def _measure_queue(self) -> None:
        self.queue_wait = Histogram(
            "terrafusion_queue_wait_seconds", "From accept to claim", buckets=WAIT_BUCKETS, registry=self.registry
        )
        self.queue_jobs = self._gauge(
            "terrafusion_queue_jobs", "Jobs that could run now and wait, at most 10,000; told by the leader"
        )
        self.queue_age = self._gauge(
            "terrafusion_queue_age_seconds", "For how long the next of them could have run; told by the leader"
        )

    def _measure_letters(self) -> None:
        self.dead_letters = self._counter(
            "terrafusion_dead_letters_total", "Messages that could not be used", ["stage"]
        )
        self.letters_handled = self._counter(
            "terrafusion_dead_letters_handled_total", "Dead letters that somebody dealt with here, and how", ["state"]
        )
        self.open_letters = self._gauge(
            "terrafusion_dead_letters_open", "Dead letters that nobody dealt with yet; told by the leader", ["stage"]
        )

    def _measure_messages(self) -> None:
        self.duplicates = self._counter("terrafusion_duplicate_requests_total", "Requests whose job stood already")
        self.published = self._counter(
            "terrafusion_events_published_total", "Records that the relay brought to the broker"
        )

    def _measure_attempts(self) -> None:
        self.fenced = self._counter(
            "terrafusion_finishes_fenced_total", "Answers that came after the job was another's"
        )
        self.lease_losses = self._counter(
            "terrafusion_leases_lost_total", "Running jobs that ceased to be this worker's"
        )
        self.takeovers = self._counter("terrafusion_takeovers_total", "Jobs taken from workers that fell silent")
        self.child_deaths = self._counter("terrafusion_child_deaths_total", "Child processes that died under a job")

    def _measure_group(self) -> None:
        self.stalls = self._counter(
            "terrafusion_stalls_total", "Times a part stood still, also what a worker before ended itself for", ["part"]
        )
        self.lag = self._gauge(
            "terrafusion_consumer_lag_records", "Records that the group has not acknowledged", ["topic"]
        )
        self.stalled_partitions = self._gauge(
            "terrafusion_partitions_stalled", "Partitions with records that nobody takes, as this worker sees the group"
        )
        self.rebalances = self._counter("terrafusion_rebalances_total", "Times the consumer group was dealt anew")

    def _measure_worker(self) -> None:
        self.in_flight = self._gauge("terrafusion_jobs_in_flight", "Jobs that this worker holds")
        self.has_child = self._gauge(
            "terrafusion_has_child", "1 where a child process is there; nothing is claimed without"
        )

    def _measure_relay(self) -> None:
        self.leads = self._gauge("terrafusion_relay_leader", "1 where this worker is the relay")
        self.outbox_entries = self._gauge(
            "terrafusion_outbox_entries", "Entries that wait for the relay; told by the leader"
        )
        self.outbox_age = self._gauge(
            "terrafusion_outbox_age_seconds", "Age of the oldest such entry; told by the leader"
        )

    def _measure_upkeep(self) -> None:
        self.purged = self._counter("terrafusion_purged_total", "What was kept long enough and purged here", ["what"])
        self.table_entries = self._gauge("terrafusion_jobs_table_entries", "Jobs in this worker's live table")

    def know_counties(self, counties: Iterable[str]) -> None:
        """Say which counties may be labels."""
        self._counties = frozenset(counties)

    def submitted(self, county_id: str, analysis_type: str, status: str) -> None:
        """Count an accepted job."""
        self._submitted.labels(*self._labels(county_id, analysis_type), status).inc()

    def completed(self, county_id: str, analysis_type: str, seconds: float) -> None:
        """Count an answer and how long it took."""
        labels = self._labels(county_id, analysis_type)
        self._completed.labels(*labels).inc()
        self._duration.labels(*labels).observe(seconds)

    def failed(self, county_id: str, analysis_type: str, reason: str) -> None:
        """Count a job that failed."""
        self._failed.labels(*self._labels(county_id, analysis_type), reason).inc()

    def all_failed(self, jobs: Iterable[tuple[str, str]], reason: str) -> None:
        """Count several, each by its county and type, that failed for the same reason."""
        for county_id, analysis_type in jobs:
            self.failed(county_id, analysis_type, reason)

    def _labels(self, county_id: str, analysis_type: str) -> tuple[str, str]:
        return (
            county_id if county_id in self._counties else OTHER,
            analysis_type if analysis_type in self._types else OTHER,
        )
