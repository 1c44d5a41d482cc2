"""What is logged for attempts: bounded, kept once it is new, and nothing kept of jobs that say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from models.attempts import LogLine, Said
from terrafusion.errors import Unavailable, UnstorableData
from terrafusion.usecases.logbook import MOST_ATTEMPTS, MOST_CHARACTERS, MOST_LINES, Logbook

NOW = datetime(2026, 3, 1, tzinfo=UTC)
JOB = uuid4()


class History:
    def __init__(self):
        self.kept, self.calls, self.away = {}, 0, False
        self.refused = lambda log: False

    async def keep_logs(self, logs):
        self.calls += 1
        if self.away:
            raise Unavailable("away")
        if any(map(self.refused, logs)):
            raise UnstorableData("not these")
        self.kept |= {(log.job_id, log.attempt): log for log in logs}


@pytest.fixture
def history():
    return History()


@pytest.fixture
def book(history):
    return Logbook(history, {JOB: 3}.get)


def said(text="x", *, job=JOB, attempt=1, at=0, left_out=0):
    return Said(job, attempt, LogLine(NOW + timedelta(seconds=at), "info", text), left_out)


async def test_silence_costs_no_statement(book, history):
    await book.keep()
    assert history.calls == 0


async def test_lines_are_kept_in_the_order_of_time_and_once(book, history):
    book.put(said("second", at=2))
    book.put(said("first", at=1))
    await book.keep()
    await book.keep()
    assert [line.text for line in history.kept[JOB, 1].lines] == ["first", "second"]
    assert history.calls == 1
    book.put(said("third", at=3))
    await book.keep()
    assert [line.text for line in history.kept[JOB, 1].lines] == ["first", "second", "third"]


async def test_a_line_without_an_attempt_is_of_the_one_that_runs_here(book, history):
    book.put(said(attempt=None))
    book.put(said(attempt=None, job=uuid4()))
    await book.keep()
    assert list(history.kept) == [(JOB, 3)]


async def test_only_the_last_lines_stay_and_how_many_went_is_told(book, history):
    for n in range(MOST_LINES + 7):
        book.put(said(f"{n}", at=n, left_out=n == 5))
    await book.keep()
    log = history.kept[JOB, 1]
    assert [line.text for line in log.lines] == [f"{n}" for n in range(7, MOST_LINES + 7)]
    assert log.left_out == 8


async def test_long_lines_leave_room_for_fewer(book, history):
    for n in range(40):
        book.put(said("x" * 3000, at=n))
    await book.keep()
    assert sum(len(line.text) for line in history.kept[JOB, 1].lines) <= MOST_CHARACTERS
    assert history.kept[JOB, 1].left_out > 0


async def test_what_could_not_be_kept_is_kept_later(book, history):
    book.put(said())
    history.away = True
    with pytest.raises(Unavailable):
        await book.keep()
    history.away = False
    await book.keep()
    assert history.kept


async def test_very_many_jobs_do_not_grow_it(book, history):
    for _ in range(3 * MOST_ATTEMPTS):
        book.put(said(job=uuid4()))
    await book.keep()
    assert len(history.kept) == MOST_ATTEMPTS


def is_bad(log):
    return any(line.text.startswith("bad") for line in log.lines)


class TestWhatTheStoreRefuses:
    @pytest.mark.parametrize("bad", [(0,), (4,), (9,), (2, 3, 8)], ids=str)
    async def test_costs_only_the_lines_at_fault_and_is_said_once(self, book, history, bad):
        history.refused, other = is_bad, uuid4()
        book.put(said("well", job=other))
        for n in range(10):
            book.put(said(f"bad {n}" if n in bad else f"{n}", at=n))
        with capture_logs() as logged:
            await book.keep()
            book.put(said("later", at=99))
            await book.keep()
        log = history.kept[JOB, 1]
        assert [line.text for line in log.lines] == [*(f"{n}" for n in range(10) if n not in bad), "later"]
        assert log.left_out == len(bad)
        assert [line.text for line in history.kept[other, 1].lines] == ["well"]
        assert [(entry["about"], entry["lines"]) for entry in logged] == [(str(JOB), len(bad))]

    async def test_an_attempt_that_is_none_costs_itself_alone(self, book, history):
        history.refused = lambda log: log.attempt > 2**31
        book.put(said(attempt=2**40))
        book.put(said(job=uuid4()))
        with capture_logs() as logged:
            await book.keep()
            calls = history.calls
            await book.keep()
        assert [attempt for _, attempt in history.kept] == [1]
        assert (history.calls, len(logged)) == (calls, 1)

    async def test_where_no_line_is_at_fault_it_is_not_tried_for_ever(self, book, history):
        history.refused = lambda log: log.left_out > 0
        for n in range(10 * MOST_LINES):
            book.put(said(f"{n}"))
        await book.keep()
        calls = history.calls
        await book.keep()
        assert history.calls == calls

    async def test_lines_that_come_meanwhile_are_kept(self, book, history):
        def refused(log):
            if history.calls == 2:
                book.put(said("meanwhile"))
            return is_bad(log)

        history.refused = refused
        book.put(said("bad"))
        await book.keep()
        assert [line.text for line in history.kept[JOB, 1].lines] == ["meanwhile"]

    async def test_an_attempt_that_was_forgotten_amid_it_is_no_trouble(self, book, history):
        def refused(log):
            for _ in range(2 * MOST_ATTEMPTS if history.calls == 1 else 0):
                book.put(said(job=uuid4()))
            return is_bad(log)

        history.refused = refused
        book.put(said("bad"))
        book.put(said(job=uuid4()))
        await book.keep()
        assert len(history.kept) == MOST_ATTEMPTS

    async def test_that_nobody_answers_amid_it_loses_nothing(self, book, history):
        def refused(log):
            history.away = len(log.lines) == 1
            return is_bad(log)

        history.refused = refused
        for text in ("good", "bad"):
            book.put(said(text))
        with pytest.raises(Unavailable):
            await book.keep()
        history.away, history.refused = False, is_bad
        await book.keep()
        assert [line.text for line in history.kept[JOB, 1].lines] == ["good"]
