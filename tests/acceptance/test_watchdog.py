"""Parts that stand still: each is noticed, told once, counted, and cured or its worker ends with a code of its own."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.faults import Fault
from support.rig import GROUP, POOL_SIZE, Rig, TestedWorker
from support.tape import Tape, committed_lag, request
from support.waiting import until

from terrafusion.adapters.guard import EXIT_LOOP, EXIT_STOOD_STILL

NOTICED_S = 90
"""Half a minute is promised, on a machine that has time for it."""
IDLE_S = 40
REJOINS = 6


@pytest.fixture(autouse=True)
def all_workers(rig: Rig) -> Iterator[None]:
    """Each test begins with ready workers and leaves them so."""
    rig.ready()
    until(lambda: all(len(worker.children()) == POOL_SIZE for worker in rig.workers), what="all children are there")
    yield
    rig.supervise()
    rig.ready()


def stalls(worker: TestedWorker, part: str) -> float:
    return worker.web.metrics()[f'terrafusion_stalls_total{{part="{part}"}}']


def told(worker: TestedWorker, words: str) -> int:
    return sum(words in line for line in worker.log_file.read_text().splitlines())


def ended(worker: TestedWorker) -> int:
    """Wait for a worker to end by itself, and return its exit code."""
    until(lambda: not worker.is_running, what=f"{worker.name} ends itself", within=NOTICED_S)
    assert worker._process
    return worker._process.returncode


def test_a_loop_or_a_child_that_stands_still_holds_up_nobody_for_long(rig: Rig, tape: Tape) -> None:
    wedged, other = rig.workers
    counted, before = stalls(wedged, "loop"), told(wedged, "worker ends itself")
    cured, stopped = stalls(other, "child"), other.children()[0]
    wedged.signal(Fault.LOOP_SLEEPS)
    stopped.send_signal(signal.SIGSTOP)
    ids = rig.upstream.send(*(request("noop") for _ in range(40)))
    assert ended(wedged) == EXIT_LOOP
    until(lambda: not stopped.is_running(), what="the stopped child is gone", within=NOTICED_S)
    until(lambda: len(other.children()) == POOL_SIZE, what="another took its place", within=NOTICED_S)
    wedged.start()
    assert {end["status"] for end in tape.ends(ids, within=NOTICED_S)} == {"COMPLETED"}
    assert (stalls(wedged, "loop"), told(wedged, "worker ends itself")) == (counted + 1, before + 1)
    assert stalls(other, "child") > cured


@pytest.mark.parametrize(
    "fault", [Fault.COORDINATOR_GIVES_UP, pytest.param(Fault.COORDINATION_ENDS, marks=pytest.mark.by_hand)]
)
def test_a_consumer_that_silently_stopped_ends_its_worker(rig: Rig, tape: Tape, fault: Fault) -> None:
    silent = rig.workers[0]
    counted = stalls(silent, "consumer")
    silent.signal(fault)
    assert ended(silent) == EXIT_STOOD_STILL
    silent.start()
    ids = rig.upstream.send(*(request("noop") for _ in range(20)))
    assert {end["status"] for end in tape.ends(ids, within=NOTICED_S)} == {"COMPLETED"}
    assert stalls(silent, "consumer") == counted + 1


@pytest.mark.by_hand
def test_events_that_are_not_read_any_more_end_their_worker_and_idle_ones_nobodys(rig: Rig, tape: Tape) -> None:
    deaf, other = rig.workers
    counted = [stalls(worker, "consumer") for worker in rig.workers]
    tape.ends(rig.upstream.send(*(request("noop") for _ in range(40))), within=NOTICED_S)
    time.sleep(IDLE_S)
    assert [stalls(worker, "consumer") for worker in rig.workers] == counted
    deaf.signal(Fault.EVENTS_ARE_PAUSED)
    tape.ends(rig.upstream.send(*(request("noop") for _ in range(40))), within=NOTICED_S)
    assert ended(deaf) == EXIT_STOOD_STILL
    deaf.start()
    assert stalls(deaf, "consumer") == counted[0] + 1
    assert stalls(other, "consumer") == counted[1]


@pytest.mark.by_hand
def test_a_loop_for_which_nothing_comes_ends_its_worker_and_its_jobs_go_on(rig: Rig, tape: Tape) -> None:
    stuck = rig.workers[0]
    counted = stalls(stuck, "service")
    stuck.signal(Fault.NOTHING_IS_COMMITTED)
    ids = rig.upstream.send(*(request("noop") for _ in range(40)))
    assert ended(stuck) == EXIT_STOOD_STILL
    stuck.start()
    assert {end["status"] for end in tape.ends(ids, within=NOTICED_S)} == {"COMPLETED"}
    assert stalls(stuck, "service") == counted + 1


def test_a_rebalance_that_does_not_come_to_its_end_ends_its_worker(rig: Rig, tape: Tape) -> None:
    stuck = rig.workers[0]
    counted, before = stalls(stuck, "consumer"), told(stuck, "worker ends itself")
    stuck.signal(Fault.OFFSETS_ARE_NOT_TOLD)
    assert ended(stuck) == EXIT_STOOD_STILL
    stuck.start()
    assert (stalls(stuck, "consumer"), told(stuck, "worker ends itself")) == (counted + 1, before + 1)
    ids = rig.upstream.send(*(request("noop") for _ in range(20)))
    assert {end["status"] for end in tape.ends(ids, within=NOTICED_S)} == {"COMPLETED"}


@contextmanager
def requests(rig: Rig) -> Iterator[list[str]]:
    """Send requests all the time; the list has those that were sent."""
    over, ids = threading.Event(), list[str]()

    def send() -> None:
        while not over.wait(0.02):
            ids.extend(rig.upstream.send(request("noop")))

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield ids
    finally:
        over.set()
        sending.join()


def test_a_group_that_is_dealt_anew_again_and_again_loses_no_request(rig: Rig, tape: Tape) -> None:
    with requests(rig) as ids:
        for number in range(REJOINS):
            worker = rig.workers[number % 2]
            before = worker.web.metrics()["terrafusion_rebalances_total"]
            worker.signal(Fault.REJOINS)
            until(
                lambda w=worker, n=before: w.web.metrics()["terrafusion_rebalances_total"] > n,
                what="the group is dealt anew",
                within=60,
            )
    assert {end["status"] for end in tape.ends(ids, within=NOTICED_S)} == {"COMPLETED"}
    until(lambda: committed_lag(rig.bootstrap, GROUP) == 0, what="every request is acknowledged", within=60)
