"""What is logged, and what never is."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from terrafusion.logs import TELLS_ALL, configure
from terrafusion.settings import Settings


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back in the end as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    structlog.reset_defaults()
    logger.handlers[:] = handlers
    logger.setLevel(level)
    for name in TELLS_ALL:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize(("level", "least"), [("DEBUG", "INFO"), ("INFO", "INFO"), ("WARNING", "WARNING")])
def test_what_would_write_passwords_begins_at_info(root: logging.Logger, level: str, least: str) -> None:
    root.handlers[:] = []  # configure closes those that it finds
    configure(Settings(log_level=level))
    assert logging.getLevelName(root.level) == level
    assert logging.getLevelName(logging.getLogger("aiokafka.conn").getEffectiveLevel()) == least
    assert logging.getLevelName(logging.getLogger("aiokafka.producer").getEffectiveLevel()) == level
