"""How much a worker may hold."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.jobs import Claim
from terrafusion.usecases.pace import CHUNK, LEAST, SLOT_S, Pace


def claim(analysis_type: str) -> Claim:
    return Claim(
        job_id=uuid4(),
        attempt=1,
        analysis_type=analysis_type,
        county_id="king_wa",
        parameters={},
        data_version="v1",
        correlation_id=None,
        traceparent=None,
        seconds_waited=0.0,
        seconds_for_turn=0.0,
        seconds_left=None,
    )


def test_what_was_not_seen_yet_fills_a_slot():
    assert Pace().weight("new") == 1
    assert Pace().weights() == {}


def test_a_quick_type_takes_its_part_of_a_slot():
    pace = Pace()
    pace.observe([("quick", SLOT_S / 10)] * 5)
    assert pace.weight("quick") == pytest.approx(0.1)


def test_no_type_takes_less_than_the_least():
    pace = Pace()
    pace.observe([("noop", 0.0)])
    assert pace.weight("noop") == LEAST


def test_a_hiccup_does_not_make_a_quick_type_slow():
    pace = Pace()
    pace.observe([("noop", 0.0002)] * 50)
    pace.observe([("noop", 0.0002)] * 49 + [("noop", 0.05)])
    assert pace.weight("noop") < 0.02


def test_one_slow_job_alone_makes_its_type_slow():
    pace = Pace()
    pace.observe([("mixed", 0.0002)] * 50)
    pace.observe([("mixed", SLOT_S / 0.3)])
    assert pace.weight("mixed") == 1


def test_a_slow_job_is_a_chunk_of_its_own_and_quick_ones_share():
    pace = Pace()
    pace.observe([("quick", SLOT_S * CHUNK / 4)])
    jobs = [claim("quick") for _ in range(3)] + [claim("slow")] + [claim("quick") for _ in range(5)]
    assert [len(chunk) for chunk in pace.chunks(jobs)] == [3, 1, 4, 1]


@given(st.lists(st.sampled_from(["a", "b", "c"])), st.floats(0, 1), st.floats(0, 1))
def test_chunks_keep_every_job_in_order_and_within_bounds(types, a, b):
    pace = Pace()
    pace.observe([("a", a), ("b", b)])
    jobs = [claim(name) for name in types]
    chunks = pace.chunks(jobs)
    assert [job for chunk in chunks for job in chunk] == jobs
    for chunk in chunks:
        assert len(chunk) == 1 or sum(pace.weight(job.analysis_type) for job in chunk) <= CHUNK + 1e-9
