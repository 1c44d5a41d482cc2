"""Logs: structlog for us and, through the same pipe, for Faust, mode and aiokafka; on stderr."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

import structlog
from structlog.types import Processor

from terrafusion.settings import Settings

REPEATS_PER_SECOND: Final = 5
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
    """Let a logger say only so much a second: clients of a broker that is away repeat themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._second: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass a record unless its logger had its share of this second."""
        if record.levelno >= logging.CRITICAL or not record.name.startswith(("aiokafka", "faust", "mode")):
            return True
        now = int(time.monotonic())
        second, seen = self._second.get(record.name, (now, 0))
        seen = seen + 1 if second == now else 1
        self._second[record.name] = (now, seen)
        return seen <= REPEATS_PER_SECOND


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
    for name in TELLS_ALL:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(settings.log_level)))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
