"""What is logged, and what never is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from terrafusion.logs import REPEATS, REPEATS_S, TELLS_ALL, NoFlood, configure
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


def said(name: str, message: str = "Unable connect to %s") -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, ("broker",), None)


def test_a_client_that_repeats_itself_is_heard_a_few_times_and_told_how_often() -> None:
    now = 0.0
    flood = NoFlood(lambda: now)
    passed = [record for record in (said("aiokafka") for _ in range(300)) if flood.filter(record)]
    assert len(passed) == REPEATS
    now += REPEATS_S
    again = said("aiokafka")
    assert flood.filter(again)
    assert again.getMessage() == f"Unable connect to broker ({300 - REPEATS} more like it)"


def test_what_else_is_said_meanwhile_is_heard() -> None:
    flood = NoFlood(lambda: 0.0)
    for _ in range(50):
        flood.filter(said("aiokafka"))
        assert flood.filter(said("terrafusion.services.relay"))
    assert flood.filter(said("aiokafka", "Discovered coordinator %s"))
    assert flood.filter(said("faust"))
