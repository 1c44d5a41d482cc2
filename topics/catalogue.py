"""Every topic that exists, as frozen values. A command creates them; nothing is created by accident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from models.messages import AnalysisRequest, Command, JobCompleted, JobStatusChanged

DAY_MS: Final = 86_400_000
MAX_REQUEST_BYTES: Final = 1_000_000
"""A request's value may be this large; a larger one becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: its name, the message on it (None: bytes as they came), its partitions and its configuration."""

    name: str
    message: type[BaseModel] | None
    partitions: int
    purpose: str
    config: Mapping[str, str] = field(default_factory=dict)


APP_ID: Final = "terrafusion-market-analysis"
PARTITIONS: Final = 8

REQUESTS: Final = TopicSpec(
    "market-analysis.requests.v1",
    AnalysisRequest,
    PARTITIONS,
    "analysis requests; key: job_id",
    {"retention.ms": str(7 * DAY_MS), "max.message.bytes": str(2 * MAX_REQUEST_BYTES)},
)
STATUS: Final = TopicSpec(
    "market-analysis.status.v1",
    JobStatusChanged,
    PARTITIONS,
    "every state and progress of every job; key: job_id",
    {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "delete.retention.ms": str(DAY_MS)},
)
COMPLETED: Final = TopicSpec(
    "market-analysis.completed.v1",
    JobCompleted,
    PARTITIONS,
    "every terminal state, with the summary; key: job_id",
    {"retention.ms": str(30 * DAY_MS)},
)
DEAD_LETTER: Final = TopicSpec(
    "market-analysis.dead-letter.v1",
    None,
    PARTITIONS,
    "what could not be used, as it came, with the reason",
    {"retention.ms": str(30 * DAY_MS), "max.message.bytes": str(4 * MAX_REQUEST_BYTES)},
)
COMMANDS: Final = TopicSpec(
    "market-analysis.commands.v1",
    Command,
    PARTITIONS,
    "orders to cancel, retry, pause and resume; key: the job_id, county or type",
    {"retention.ms": str(7 * DAY_MS)},
)
JOBS_TABLE: Final = "jobs"
CHANGELOG: Final = TopicSpec(
    f"{APP_ID}-{JOBS_TABLE}-changelog",
    None,
    PARTITIONS,
    "Faust assigns the jobs table by it; it stays empty, the record is Postgres",
    {"cleanup.policy": "compact"},
)

TOPICS: Final = (REQUESTS, STATUS, COMPLETED, DEAD_LETTER, COMMANDS, CHANGELOG)
