"""The table of transitions, looked at as a graph."""

from __future__ import annotations

import pytest

from models.jobs import (
    COMPLETE,
    FAIL,
    TERMINAL,
    TRANSITIONS,
    FailureReason,
    Finish,
    JobStatus,
    NewJob,
    allowed,
)

LIVE = {JobStatus.PENDING, JobStatus.RUNNING}


def test_three_states_are_for_good():
    assert {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED} == TERMINAL
    assert not any(allowed(source, target) for source in TERMINAL for target in JobStatus)


def test_the_moves_are_those_of_the_design():
    moves = {(source, target) for source in JobStatus for target in JobStatus if allowed(source, target)}
    ends = {(source, target) for source in LIVE for target in TERMINAL} - {(JobStatus.PENDING, JobStatus.COMPLETED)}
    assert moves == ends | {(JobStatus.PENDING, JobStatus.RUNNING), (JobStatus.RUNNING, JobStatus.PENDING)}


def test_an_answer_needs_a_run():
    assert COMPLETE.sources == {JobStatus.RUNNING}


def test_names_tell_moves_apart_and_each_says_what_it_means():
    assert len({move.name for move in TRANSITIONS}) == len(TRANSITIONS)
    assert all(move.meaning and move.sources for move in TRANSITIONS)


@pytest.mark.parametrize("reason", [None, *FailureReason])
def test_a_reason_decides_how_a_job_is_born_and_how_it_ends(reason):
    job = NewJob(job_id=None, analysis_type="a", county_id="c", parameters={}, digest="d", failure_reason=reason)
    ending = Finish(job_id=None, attempt=1, message="m", failure_reason=reason)
    assert job.status is (JobStatus.FAILED if reason else JobStatus.PENDING)
    assert ending.transition is (FAIL if reason else COMPLETE)


def test_reasons_are_the_closed_set_that_others_count_by():
    assert set(FailureReason) == {
        "invalid_parameters",
        "unknown_analysis_type",
        "unknown_county",
        "timeout",
        "deadline_passed",
        "out_of_memory",
        "processing_exception",
        "attempts_exhausted",
        "simulated_failure",
    }
