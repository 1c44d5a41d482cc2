"""Workers are replaced one after the other while requests keep coming: nothing is lost, nobody is blamed."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.rig import GROUP, Rig, TestedWorker
from support.tape import Tape, committed_lag, request
from support.waiting import until

ROUNDS = 1
PAUSE_S = 0.05
EXIT_WITHIN_S = 15


class Load:
    """Requests at a steady rate, until it is told to stop."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._dice = random.Random(7)
        self._over = threading.Event()
        self.ids: list[str] = []

    def run(self) -> None:
        while not self._over.wait(PAUSE_S):
            kind = self._dice.choice(["noop", "noop", "tabled", "sleepy"])
            parameters = {"sleepy": {"seconds": round(self._dice.uniform(0.1, 1.2), 2)}, "tabled": {"seconds": 0.0}}
            asked = request(kind, self._dice.choice(["king_wa", "lucas_oh"]), parameters=parameters.get(kind, {}))
            self.ids += self._rig.upstream.send(asked)

    def stop(self) -> None:
        self._over.set()


@contextmanager
def load_on(rig: Rig) -> Iterator[Load]:
    load = Load(rig)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()


def replace(worker: TestedWorker) -> int:
    """Stop a worker as a supervisor does, and start the next one in its place; return how it ended."""
    process = worker._process
    worker.signal(signal.SIGTERM)
    code = process.wait(EXIT_WITHIN_S)
    worker.start()
    until(worker.is_ready, what="the new worker is ready", within=60)
    return code


@pytest.fixture
def replaced(rig: Rig, tape: Tape) -> tuple[list[str], list[int]]:
    """Both workers replaced under load: what was asked, and how each worker ended."""
    rig.ready()
    with load_on(rig) as load:
        time.sleep(0.5)
        codes = [replace(worker) for _ in range(ROUNDS) for worker in rig.workers]
    rig.upstream.flush()
    tape.ends(load.ids, within=60)
    return load.ids, codes


def test_a_rolling_restart_under_load_loses_nothing(
    rig: Rig, tape: Tape, replaced: tuple[list[str], list[int]]
) -> None:
    ids, codes = replaced
    assert codes == [0] * ROUNDS * len(rig.workers), "each worker ended in good order"
    rows = rig.database.rows("SELECT status, crashes FROM market_analysis_jobs WHERE job_id = ANY($1::uuid[])", ids)
    assert len(rows) == len(ids) > 50
    assert {tuple(row) for row in rows} == {("COMPLETED", 0)}, "and no job was counted a crash"
    for job_id in ids:
        sequences = [event["sequence"] for event in tape.life(job_id)]
        assert sequences == list(range(1, len(sequences) + 1))
    until(lambda: committed_lag(rig.bootstrap, GROUP) == 0, what="every request is acknowledged")
