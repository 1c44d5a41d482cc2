"""What is logged, and what never is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal

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


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_traceback_shows_no_values(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], form: Literal["json", "console"], *, ours: bool
) -> None:
    root.handlers[:] = []
    configure(Settings(log_format=form))

    def connect(password: str) -> None:
        dsn = f"postgresql://user:{password}@db/market"
        raise ConnectionError(len(dsn))

    try:
        connect(f"hunter{2}")
    except ConnectionError as error:
        if ours:
            structlog.get_logger("terrafusion").error("it failed", exc_info=error)
        else:
            logging.getLogger("faust").exception("it failed")
    told = capsys.readouterr().err
    assert "ConnectionError" in told
    assert "raise ConnectionError" in told
    assert "hunter2" not in told
