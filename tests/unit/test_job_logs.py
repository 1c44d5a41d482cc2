"""Lines of a job as its child and its worker hand them on."""

from __future__ import annotations

import logging
import pickle
from uuid import uuid4

import pytest

from models.attempts import Said
from terrafusion.adapters import job_logs
from terrafusion.adapters.job_logs import ChildLines, WorkerLines, line_of, pieces
from terrafusion.usecases.logbook import MOST_LINES

JOB = uuid4()
PIPE_BUF = 4096


def record(message, *, level=logging.INFO, exc_info=None):
    return logging.LogRecord("t", level, __file__, 1, message, (), exc_info)


@pytest.fixture
def told():
    return []


@pytest.fixture
def child(told):
    lines = ChildLines(told.append)
    lines.begin(JOB, 2)
    return lines


def test_what_no_job_says_is_nobodys(told):
    ChildLines(told.append).handle(record("beginning"))
    assert told == []


def test_a_line_comes_at_once_and_the_next_ones_together(child, told, monkeypatch):
    child.handle(record("first"))
    child.handle(record("second"))
    assert [said.line.text for said in told] == ["first"]
    child.end()
    child.handle(record("after the end"))
    assert [(said.job_id, said.attempt, said.line.text) for said in told] == [(JOB, 2, "first"), (JOB, 2, "second")]


def test_a_flood_is_cut_to_its_last_lines(child, told):
    child.handle(record("first"))
    for n in range(10 * MOST_LINES):
        child.handle(record(f"{n}"))
    child.end()
    assert len(told) == MOST_LINES + 1
    assert told[-1].line.text == f"{10 * MOST_LINES - 1}"
    assert sum(said.left_out for said in told) == 9 * MOST_LINES


def test_a_structured_line_tells_its_fields_and_its_traceback(child, told):
    said = {"event": "raised", "rows": 3, "job_id": str(JOB), "level": "error", "exception": "Traceback…\nValueError"}
    child.handle(record(said, level=logging.ERROR))
    assert (told[0].line.level, told[0].line.text) == ("error", "raised rows=3\nTraceback…\nValueError")


def test_a_plain_line_tells_its_traceback(child, told):
    error = ValueError("empty")
    child.handle(record("went wrong", exc_info=(type(error), error, error.__traceback__)))
    assert told[0].line.text.startswith("went wrong\n")
    assert told[0].line.text.endswith("ValueError: empty")


@pytest.mark.parametrize("text", ["", "x" * 10_000, "\N{PILE OF POO}" * 3_001])
def test_each_piece_fits_into_one_write(child, told, text):
    assert "".join(pieces(text)).replace("\N{REPLACEMENT CHARACTER}", "") in text
    child.handle(record(text))
    child.end()
    assert all(len(pickle.dumps(said)) + 4 <= PIPE_BUF for said in told)


def test_a_worker_hands_on_what_names_a_job(told):
    ears = WorkerLines(told.append)
    for message in ("plain", {"event": "no job"}, {"event": "none", "job_id": "nonsense"}):
        ears.handle(record(message))
    ears.handle(record({"event": "lost", "job_id": str(JOB), "attempt": 4}))
    ears.handle(record({"event": "ended", "job_id": str(JOB)}))
    assert [(said.attempt, said.line.text) for said in told] == [(4, "lost"), (None, "ended")]
    assert all(isinstance(said, Said) for said in told)
    assert job_logs.SAID_ALREADY


def test_half_of_a_pair_is_replaced_where_it_could_be_neither_sent_nor_kept():
    assert line_of(record("a name: \ud800")).text == "a name: ?"
