"""Logs: structlog for us and, through the same pipe, for Faust, mode and aiokafka; on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog
from structlog.types import Processor

from terrafusion.settings import Settings
from terrafusion.tracing import trace_id

CLIENTS: Final = ("aiokafka", "faust", "mode", "opentelemetry")
REPEATS: Final = 5
REPEATS_S: Final = 30.0
"""So often in so many seconds a client may say the same."""
MOST_KINDS: Final = 1000
ONLY_WARNINGS: Final = ("alembic",)
"""It announces itself each time the schema's version is read."""
TELLS_ALL: Final = ("aiokafka.conn",)
"""These write every byte that is sent at level DEBUG, and so passwords; they begin at INFO."""
_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


class NoFlood(logging.Filter):
    """Let a client say the same only so often: one of a broker that is away repeats itself ten times a second."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass a record unless the like of it was said lately; the next one that passes tells how many were left out."""
        if record.levelno >= logging.CRITICAL or not record.name.startswith(CLIENTS):
            return True
        if len(self._said) >= MOST_KINDS:
            self._said.clear()
        now = self._monotonic()
        said = self._said.setdefault((record.name, str(record.msg)), _Said(since=now))
        if now - said.since >= REPEATS_S:
            record.msg = f"{record.msg} ({said.left_out} more like it)" if said.left_out else record.msg
            said.since, said.times, said.left_out = now, 0, 0
        said.times += 1
        said.left_out += said.times > REPEATS
        return said.times <= REPEATS


class Followed(Protocol):
    """Whatever is done for one job."""

    @property
    def job_id(self) -> UUID:
        """The job's id."""

    @property
    def county_id(self) -> str:
        """Of which county."""

    @property
    def analysis_type(self) -> str:
        """What was asked."""

    @property
    def correlation_id(self) -> str | None:
        """The request's own mark."""

    @property
    def traceparent(self) -> str | None:
        """The trace that the request belongs to."""


@contextmanager
def about(job: Followed) -> Iterator[None]:
    """Have every log line within, also of the tasks that it begins, say whose job it is about."""
    told = {
        "job_id": str(job.job_id),
        "county_id": job.county_id,
        "analysis_type": job.analysis_type,
        "correlation_id": job.correlation_id,
        "trace_id": trace_id(job.traceparent),
    }
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in told.items() if value}):
        yield


@dataclass(slots=True)
class _Said:
    since: float
    times: int = 0
    left_out: int = 0


def configure(settings: Settings) -> None:
    """Send every log line of the process to stderr, as JSON unless it is a terminal."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    renderer: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(NoFlood())
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for name in ONLY_WARNINGS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    for name in TELLS_ALL:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(settings.log_level)))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
