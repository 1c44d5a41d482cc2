"""Workers on one real database, whatever befalls them in whatever order: every job ends once, and nobody is blamed for an outage."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from support.lives import ENDS, Broker, HandRelay, HandWorker, Services

from models.jobs import TERMINAL, Job, JobStatus
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.ports.jobs import JobFilter, Offer
from topics.catalogue import COMPLETED, STATUS

from .conftest import Bench, PostgresDriver

WORKERS, RELAYS = 3, 2
STEP = timedelta(seconds=5)
"""So often the workers' hearts beat here; a lease is six of these."""
ROUNDS = 60
RELAYING = ("fence", "read", "publish", "forget", "die")
pick = st.integers(0, 1000)
workers = st.integers(0, WORKERS - 1)
relays = st.integers(0, RELAYS - 1)


class WorkerLives(RuleBasedStateMachine):
    """Three workers and two relays; every rule is one thing that they do, or that is done to them."""

    def __init__(self, engine, run):
        super().__init__()
        self.engine, self.run = engine, run
        self.bench = Bench(PostgresDriver(engine))
        self.ids: list[UUID] = []
        self.ended: dict[UUID, Job] = {}
        self.blame: Counter[UUID] = Counter()
        self.given: dict[tuple[UUID, int], str] = {}

    @initialize()
    def begin(self):
        self.run(self.bench.driver.clear())
        self.services = Services(self.bench.store)
        self.workers = [HandWorker(self.services, self.run) for _ in range(WORKERS)]
        self.broker = Broker()
        self.relays = [HandRelay(PostgresOutbox(self.engine), self.broker, self.run) for _ in range(RELAYS)]

    @rule(priorities=st.lists(st.integers(0, 9), min_size=1, max_size=4))
    def accept(self, priorities):
        for priority in priorities:
            self.accepted(self.bench.job(priority=priority))

    @precondition(lambda self: self.ended)
    @rule(n=pick)
    def retry(self, n):
        self.accepted(self.bench.job(retry_of=list(self.ended)[n % len(self.ended)]))

    def accepted(self, job):
        self.run(self.bench.store.accept([Offer(job)]))
        self.ids.append(job.job_id)

    @precondition(lambda self: self.ids)
    @rule(n=pick)
    def cancel(self, n):
        self.run(self.bench.store.cancel([self.ids[n % len(self.ids)]], message="Cancelled"))

    @rule(n=workers)
    def claim(self, n):
        worker = self.workers[n]
        if not worker.frozen:
            for claim in worker.claim():
                token = (claim.job_id, claim.attempt)
                assert self.given.setdefault(token, worker.name) == worker.name, "a token belongs to one worker"

    @rule(n=workers, child=pick, how=st.sampled_from(sorted(ENDS)))
    def child_ends(self, n, child, how):
        worker = self.workers[n]
        waits_for_the_database = self.services.away and how in ("dies", "wants to be run again")
        if worker.frozen or not worker.pool.open or waits_for_the_database:
            return
        for task in worker.child_ends(child, how):
            self.blame[task.job_id] += how == "dies"

    @rule(n=workers)
    def commit(self, n):
        if not self.workers[n].frozen:
            self.workers[n].commit()
            self.only_who_held_it_ended_it(self.workers[n].name)

    def only_who_held_it_ended_it(self, name):
        before = set(self.ended)
        self.what_must_always_be_true()
        for job_id in set(self.ended) - before:
            assert self.given[job_id, self.ended[job_id].attempt] == name, "an attempt that was over ended the job"

    @rule(n=workers)
    def hear_of_cancels(self, n):
        if not self.workers[n].frozen:
            self.workers[n].hear()

    @rule(n=workers)
    def stop_the_process(self, n):
        """As SIGSTOP does: it may wake when all of it is long decided."""
        self.workers[n].frozen = True

    @rule(n=workers)
    def let_it_go_on(self, n):
        self.workers[n].frozen = False

    @rule(n=workers, step=st.sampled_from(["claim", "commit", "live", "hear"]))
    def an_answer_is_lost(self, n, step):
        """What a worker asks is done, and it never hears of it."""
        if self.workers[n].frozen or self.services.away:
            return
        self.services.answers_are_lost = True
        getattr(self.workers[n], step)()
        self.services.answers_are_lost = False

    @rule(n=workers, steps=st.integers(6, 15))
    def a_claim_is_lost(self, n, steps):
        """And the worker lives on for longer than a lease."""
        self.accept([9])
        self.an_answer_is_lost(n, "claim")
        self.time_passes(steps)

    @rule(n=workers)
    def kill(self, n):
        self.workers[n].die()
        self.blame.update({*self.workers[n].attempts, *self.given_to(n)})
        self.workers[n] = HandWorker(self.services, self.run)

    @rule(n=workers, ends=st.booleans(), steps=st.integers(5, 15), other=workers)
    def a_zombie(self, n, ends, steps, other):
        """A worker is stopped with jobs in its hands, others may take them over, and it wakes and ends them."""
        self.claim(n)
        if ends:
            self.child_ends(n, 0, "answers")
        self.stop_the_process(n)
        self.time_passes(steps)
        self.claim(other)
        self.let_it_go_on(n)
        self.child_ends(n, 0, "answers")
        self.commit(n)

    @rule(n=workers, steps=st.integers(1, 15))
    def an_outage(self, n, steps):
        """The database is away while workers hold jobs, perhaps for longer than a lease."""
        self.claim(n)
        self.the_database_goes_away()
        self.time_passes(steps)
        self.the_database_comes_back()
        self.time_passes(1)

    @precondition(lambda self: not self.services.away)
    @rule(n=workers, heart_alone=st.booleans(), steps=st.integers(5, 15))
    def cut_off(self, n, heart_alone, steps):
        """One worker, or its heart, cannot reach the database, and all others can: it is as good as dead, and once for each job."""
        worker = self.workers[n]
        if worker.frozen:
            return
        lost = set()
        worker.heart.is_cut, worker.line.is_cut = True, not heart_alone
        for _ in range(steps):
            self.claim(n)
            new = {*worker.holds, *self.given_to(n)} - lost
            self.blame.update(new)
            lost |= new
            self.time_passes(1)
        worker.heart.is_cut = worker.line.is_cut = False
        self.time_passes(1)

    @precondition(lambda self: not self.services.away)
    @rule(n=workers)
    def drain(self, n):
        if not self.workers[n].frozen:
            self.workers[n].drain()
            self.workers[n] = HandWorker(self.services, self.run)

    @rule()
    def the_database_goes_away(self):
        self.services.away = True

    @rule()
    def the_database_comes_back(self):
        self.services.away = False

    @rule(steps=st.integers(1, 4))
    def time_passes(self, steps):
        for _ in range(steps):
            self.run(self.bench.driver.pass_time(STEP))
            self.services.now += STEP.total_seconds()
            for n, worker in enumerate(self.workers):
                if worker.frozen:
                    self.blame.update({*worker.holds, *self.given_to(n)})
                else:
                    worker.live()
                    if worker.must_claim:
                        self.claim(n)

    def given_to(self, n):
        """Return the jobs that a worker has by the store, of some of which it may not know."""
        hidden = self.run(self.bench.driver.hidden())
        return [job_id for job_id, row in hidden.items() if row.owner == self.workers[n].name]

    @rule(n=relays)
    def ask_for_the_lead(self, n):
        if not self.relays[n].leads and self.relays[n].try_to_lead():
            others = [relay for relay in self.relays if relay.leads and relay is not self.relays[n]]
            assert not others or self.unseated, "two relays at once"

    unseated = False

    @rule()
    def end_the_leads_connection(self):
        """As its successor does to a relay that was stopped; it goes on as if it led."""
        self.unseated = True
        self.run(_end_connections_with_the_lock(self.engine))

    @rule(n=relays, steps=st.lists(st.sampled_from(RELAYING), min_size=1, max_size=6))
    def relay(self, n, steps):
        self.ask_for_the_lead(n)
        for step in steps:
            if self.relays[n].leads:
                getattr(self.relays[n], step)()

    @invariant()
    def what_must_always_be_true(self):
        page = self.run(self.bench.store.page(JobFilter(), after=None, limit=1000))
        assert {job.job_id for job in page.jobs} == set(self.ids)
        for job in page.jobs:
            if job.status in TERMINAL:
                assert self.ended.setdefault(job.job_id, job) == job, "terminal stays terminal"
        for job_id, row in self.run(self.bench.driver.hidden()).items():
            assert row.crashes <= self.blame[job_id], "nobody is blamed for what nobody did"
        self.told_is_a_life_without_gaps()

    def told_is_a_life_without_gaps(self):
        seen: Counter[bytes | None] = Counter()
        for record in self.broker.records:
            if record.topic == STATUS.name:
                sequence = orjson.loads(record.value)["sequence"]
                assert sequence <= seen[record.key] + 1, "a gap, or out of order"
                seen[record.key] = max(seen[record.key], sequence)

    def teardown(self):
        if not hasattr(self, "services"):
            return
        self.services.away = False
        for worker in self.workers:
            worker.frozen = False
        for relay in self.relays:
            relay.die()
        for _ in range(ROUNDS):
            if self.everything_ended():
                break
            self.go_on()
        self.tell_the_rest()
        self.everything_was_told_once()

    def everything_ended(self):
        counts = self.run(self.bench.store.counts())
        return not counts[JobStatus.PENDING] + counts[JobStatus.RUNNING]

    def go_on(self):
        self.time_passes(1)
        for worker in self.workers:
            worker.claim()
            while worker.pool.open:
                worker.child_ends(0, "answers")
            worker.commit()

    def tell_the_rest(self):
        assert self.relays[0].try_to_lead()
        self.relays[0].fence()
        self.relays[0].read()
        while self.relays[0]._read:
            self.relays[0].publish()
            self.relays[0].forget()
            self.relays[0].read()
        self.relays[0].die()

    def everything_was_told_once(self):
        self.what_must_always_be_true()
        assert set(self.ended) == set(self.ids), "a job is stuck"
        told = {(r.key, dict(r.headers)["ce_id"]) for r in self.broker.records if r.topic == COMPLETED.name}
        assert Counter(key for key, _ in told) == {str(job_id).encode(): 1 for job_id in self.ids}
        for worker in self.workers:
            assert not worker.bench.held, "nobody holds what has ended"
            worker.die()


async def _end_connections_with_the_lock(engine):
    async with engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            )
        )


@pytest.mark.parametrize(
    ("lives", "derandomize"),
    [(12, True), pytest.param(300, False, marks=[pytest.mark.by_hand, pytest.mark.timeout(3600)])],
)
def test_lives_of_workers(by_itself, lives, derandomize):
    engine, run = by_itself
    bounded = settings(
        max_examples=lives,
        derandomize=derandomize,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    run_state_machine_as_test(lambda: WorkerLives(engine, run), settings=bounded)
