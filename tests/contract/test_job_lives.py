"""Whatever workers do to jobs in whatever order: ends last, sequences have no gap, one attempt at a time owns a job."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

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

from models.jobs import TERMINAL, Claim, FailureReason, Finish, Heartbeat, Job, JobStatus
from models.pauses import Scope
from terrafusion.ports.jobs import Accepted, JobFilter, Offer

LEASE = timedelta(seconds=30)
MAX_CRASHES = 2
OWNERS = ("one", "two", "three")
owners = st.sampled_from(OWNERS)
counties = st.sampled_from(["king_wa", "lucas_oh"])
pick = st.integers(0, 1000)


class JobLives(RuleBasedStateMachine):
    """Three workers, and beside them what must be so: who holds which attempt, and how often a job's holder died."""

    def __init__(self, bench, run):
        super().__init__()
        self.bench, self.run = bench, run
        self.ids: list[UUID] = []
        self.claims: list[Claim] = []
        self.held: dict[UUID, tuple[str, int]] = {}
        self.crashes: dict[UUID, int] = {}
        self.attempts: dict[UUID, int] = {}
        self.ended: dict[UUID, Job] = {}
        self.endings: list[Finish] = []
        self.counties: dict[UUID, str] = {}
        self.paused: set[str] = set()

    @initialize()
    def begin(self):
        self.run(self.bench.driver.clear())

    @rule(priority=st.integers(0, 9), county_id=counties, born_failed=st.booleans())
    def accept(self, priority, county_id, born_failed):
        reason = FailureReason.UNKNOWN_COUNTY if born_failed and priority == 0 else None
        self.accepted(self.bench.job(priority=priority, county_id=county_id, failure_reason=reason))

    @precondition(lambda self: self.ended)
    @rule(n=pick)
    def retry(self, n):
        old = list(self.ended.values())[n % len(self.ended)]
        self.accepted(self.bench.job(county_id=old.county_id, retry_of=old.job_id))

    def accepted(self, job):
        answer = self.run(self.bench.store.accept([Offer(job)]))
        assert answer.new == {job.job_id}
        self.ids.append(job.job_id)
        self.counties[job.job_id] = job.county_id
        self.crashes[job.job_id] = self.attempts[job.job_id] = 0

    @rule(county_id=counties)
    def pause(self, county_id):
        self.run(self.bench.driver.pauses.pause(Scope.COUNTY, county_id, reason=None, requested_by=None))
        self.paused.add(county_id)

    @rule(county_id=counties)
    def resume(self, county_id):
        assert self.run(self.bench.driver.pauses.resume(Scope.COUNTY, county_id)) is (county_id in self.paused)
        self.paused.discard(county_id)

    @precondition(lambda self: self.ids)
    @rule(n=pick, digest=st.sampled_from(["d1", "other"]))
    def accept_again(self, n, digest):
        job_id = self.ids[n % len(self.ids)]
        accepted = self.run(self.bench.store.accept([Offer(self.bench.job(job_id=job_id, digest=digest))]))
        same, other = ({job_id}, set()) if digest == "d1" else (set(), {job_id})
        assert accepted == Accepted(frozenset(), frozenset(same), frozenset(other))

    @rule(owner=owners, slots=st.integers(1, 3))
    def claim(self, owner, slots):
        live = [i for i in self.ids if i not in self.held and i not in self.ended]
        waiting = [i for i in live if self.counties[i] not in self.paused]
        claims = self.run(self.bench.claim(owner=owner, slots=slots))
        assert len(claims) == min(slots, len(waiting))
        for claim in claims:
            assert claim.job_id in waiting
            self.attempts[claim.job_id] += 1
            assert claim.attempt == self.attempts[claim.job_id]
            self.held[claim.job_id] = (owner, claim.attempt)
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(n=pick, reason=st.none() | st.sampled_from(FailureReason))
    def finish(self, n, reason):
        claim = self.claims[n % len(self.claims)]
        ending = Finish(job_id=claim.job_id, attempt=claim.attempt, message="Done", failure_reason=reason)
        told = self.run(self.bench.store.finish([ending]))
        if ending in self.endings:
            assert told, "it was ended so before"
        elif self.leaves(claim, bool(told)):
            self.endings.append(ending)

    @precondition(lambda self: self.claims)
    @rule(n=pick)
    def release(self, n):
        claim = self.claims[n % len(self.claims)]
        moved = self.run(self.bench.store.release({claim.job_id: claim.attempt}, message="Later"))
        self.leaves(claim, bool(moved))

    @precondition(lambda self: self.claims)
    @rule(n=pick)
    def child_dies(self, n):
        claim = self.claims[n % len(self.claims)]
        told = {"message": "Died", "max_crashes": MAX_CRASHES}
        answer = self.run(self.bench.store.crashed({claim.job_id: claim.attempt}, **told))
        if self.leaves(claim, bool(answer.returned + answer.given_up)):
            self.crashes[claim.job_id] += 1
            assert bool(answer.given_up) is (self.crashes[claim.job_id] > MAX_CRASHES)

    @precondition(lambda self: self.claims)
    @rule(n=pick, owner=owners, progress=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    def heartbeat(self, n, owner, progress):
        claim = self.claims[n % len(self.claims)]
        beat = Heartbeat(claim.job_id, claim.attempt, progress, "At work")
        lost = self.run(self.bench.store.heartbeat(owner, [beat], lease=LEASE))
        assert bool(lost) is (self.held.get(claim.job_id) != (owner, claim.attempt))

    @rule()
    def all_workers_fall_silent(self):
        self.run(self.bench.driver.pass_time(2 * LEASE))
        answer = self.run(self.bench.store.take_over(max_crashes=MAX_CRASHES))
        for job_id in self.held:
            self.crashes[job_id] += 1
        given_up = sum(self.crashes[job_id] > MAX_CRASHES for job_id in self.held)
        assert (answer.returned, answer.given_up) == (len(self.held) - given_up, given_up)
        self.held.clear()

    @precondition(lambda self: self.ids)
    @rule(n=pick)
    def cancel(self, n):
        job_id = self.ids[n % len(self.ids)]
        moved = self.run(self.bench.store.cancel([job_id], message="Cancelled"))
        assert moved == ({job_id} - set(self.ended))
        self.held.pop(job_id, None)

    def leaves(self, claim, moved):
        """A move by an attempt happens exactly where that attempt holds the job."""
        holds = self.held.get(claim.job_id, ("", 0))[1] == claim.attempt
        assert moved is holds
        if moved:
            del self.held[claim.job_id]
        return moved

    @invariant()
    def what_must_always_be_true(self):
        page = self.run(self.bench.store.page(JobFilter(), after=None, limit=1000))
        assert {job.job_id for job in page.jobs} == set(self.ids)
        for job in page.jobs:
            assert (job.status is JobStatus.RUNNING) is (job.job_id in self.held)
            assert job.attempt == self.attempts[job.job_id]
            if job.status in TERMINAL:
                assert self.ended.setdefault(job.job_id, job) == job, "terminal stays terminal"

    def teardown(self):
        self.run(self.bench.check())


def test_lives(by_hand):
    bench, run = by_hand
    real = not hasattr(bench.store, "outbox")
    bounded = settings(
        max_examples=10 if real else 50,
        stateful_step_count=25 if real else 40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    run_state_machine_as_test(lambda: JobLives(bench, run), settings=bounded)
