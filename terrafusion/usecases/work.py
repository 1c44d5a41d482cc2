"""The work on jobs: they are claimed, run by children, and their end is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from models.dead_letters import Stage
from models.jobs import Claim, FailureReason, Finish
from models.queue import Limits
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import ChildDied, ChildTimedOut, ChildTooLarge, PoolUnavailable, UnknownCounty, UnstorableData
from terrafusion.logs import about
from terrafusion.metrics import Metrics
from terrafusion.ports.bell import Bell
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.jobs import JobStore
from terrafusion.ports.pool import Outcome, Pool, Task
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.pace import Pace
from terrafusion.usecases.retrying import is_cancelled, until_available
from terrafusion.usecases.traces import NO_TRACES, Traces

RETRY_AFTER: Final = timedelta(seconds=5)
LOOK_EVERY_S: Final = 1.0

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Workbench:
    """Claims jobs, has them run, and commits how they ended."""

    limits: Limits
    jobs: JobStore
    held: HeldJobs
    pool: Pool
    counties: KnownCounties
    metrics: Metrics
    beats: Callable[[], bool]
    """Whether leases are renewed."""
    relay_bell: Bell
    monotonic: Callable[[], float]
    pace: Pace = field(default_factory=Pace)
    traces: Traces = NO_TRACES
    _ended: list[Finish] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _lacks_answer: bool = False
    """Whether a claim came to no answer: it may be committed, of jobs that nobody holds."""

    def free(self) -> float:
        """Return how many slots are free, in parts of one."""
        taken = sum(self.pace.weight(held.claim.analysis_type) for held in self.held.running)
        return self.limits.slots - taken

    async def claim(self) -> Sequence[Sequence[Claim]]:
        """Take as many jobs as there is room for, in chunks for the children; none while there is no child at all, or no beat.

        A child takes seconds to begin, and other workers may have some that are free. One claim at a time.
        """
        await self._hand_back_lost()
        free = self.free()
        self.held.more_wait = True
        if free <= 0 or not self.pool.has_child or not self.beats():
            return []
        now, weights = self.monotonic(), self.pace.weights()
        self._lacks_answer = True
        claims = await self.jobs.claim(self.limits.owner, slots=free, weights=weights, lease=self.limits.lease)
        self._lacks_answer = False
        if claims:
            cross(Boundary.CLAIMED)
        self.held.take(claims, asked_at=now)
        for claim in claims:
            self.metrics.queue_wait.observe(claim.seconds_waited)
        self.traces.waited(claims)
        if claims:
            self.relay_bell.ring()
        self.held.more_wait = self.free() < 1  # else whatever waits would have found room
        return self.pace.chunks(claims)

    async def _hand_back_lost(self) -> None:
        """Return what a claim without an answer was given: nobody died, so it is no crash. Raises Unavailable."""
        if self._lacks_answer:
            held = {one.claim.job_id: one.claim.attempt for one in self.held}
            await self.jobs.release_lost(self.limits.owner, held=held, message="Its claim was lost; waits for another")
            self._lacks_answer = False

    async def run(self, chunk: Sequence[Claim]) -> None:
        """Have a chunk run and put down how each of its jobs ended; never raises for a job's sake.

        What cannot even be begun is let go, and its lease runs out: a job that stays held is never taken over.
        """
        with about(chunk[0]) if len(chunk) == 1 else nullcontext():
            try:
                await self._run(chunk)
            except Exception:
                log.exception("jobs cannot be run here", jobs=[str(claim.job_id) for claim in chunk])
                left = [claim for claim in chunk if self.held.is_held(claim) and not self.held.has_ended(claim)]
                self.held.lose([claim.job_id for claim in left])

    async def _run(self, chunk: Sequence[Claim]) -> None:
        wanted = {(claim.county_id, claim.data_version or "") for claim in chunk}
        data = {key: await self._version(*key) for key in wanted}
        ready = [claim for claim in chunk if self.held.is_held(claim) and not self._is_late(claim)]
        tasks = [task for claim in ready if (task := self._task(claim, data))]
        if tasks:
            await self._attempt([claim for claim in ready if not self.held.has_ended(claim)], tasks)

    async def _attempt(self, claims: Sequence[Claim], tasks: Sequence[Task]) -> None:
        began = self.traces.tracer.now()
        limit = self._time_limit(claims)
        attempt = asyncio.ensure_future(self.pool.run(tasks, seconds=limit))
        for claim in claims:
            self.held[claim.job_id].attempt = attempt
        try:
            outcomes = await attempt
        except asyncio.CancelledError:
            if not attempt.cancelled() or is_cancelled():
                raise
            await self._alone(claims)
        except Exception as error:  # noqa: BLE001 - also what nobody foresaw ends a job only
            self.traces.broke(claims, since=began, why=error)
            await self._stopped(claims, error, is_late=limit < self.limits.job_timeout_s)
        else:
            self.pace.observe((claim.analysis_type, o.seconds) for claim, o in zip(claims, outcomes, strict=True))
            for claim, outcome in zip(claims, outcomes, strict=True):
                self.traces.ran(claim, outcome)
                await self._came_out(claim, outcome)

    async def _stopped(self, claims: Sequence[Claim], error: Exception, *, is_late: bool) -> None:
        """Find out which job it was by running each alone; blame only one that was."""
        if isinstance(error, PoolUnavailable):
            await self._put_back(claims, f"Waits for a child process: {error}"[:1000])
        elif len(claims) > 1:
            await self._alone(claims)
        elif not self.held.is_held(claims[0]):
            return
        elif isinstance(error, ChildTimedOut):
            log.warning("child process was stopped", job_id=str(claims[0].job_id), reason=str(error))
            self._fail(claims[0], FailureReason.DEADLINE_PASSED if is_late else FailureReason.TIMEOUT, str(error))
        elif isinstance(error, ChildTooLarge):
            log.warning("child process was stopped", job_id=str(claims[0].job_id), reason=str(error))
            self._fail(claims[0], FailureReason.OUT_OF_MEMORY, str(error))
        elif isinstance(error, ChildDied):
            self.metrics.child_deaths.inc()
            log.warning("child process ended under a job", job_id=str(claims[0].job_id), reason=str(error))
            await self._crashed(claims[0], str(error))
        else:
            log.error("the pool could not run a job", job_id=str(claims[0].job_id), exc_info=error)
            message = f"{type(error).__name__}: {error}"[:1000]
            self._fail(claims[0], FailureReason.PROCESSING_EXCEPTION, message)

    async def _put_back(self, claims: Iterable[Claim], message: str) -> None:
        held = {claim.job_id: claim.attempt for claim in claims if self.held.is_held(claim)}
        log.warning("jobs wait for another turn", jobs=len(held), reason=message)
        if held:
            await self._give_back(held, message, RETRY_AFTER)

    async def _alone(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if self.held.is_held(claim):
                await self.run([claim])

    async def _version(self, county_id: str, data_version: str) -> DataVersion | UnknownCounty:
        try:
            return await until_available(self.counties.version, county_id, data_version)
        except UnknownCounty as error:
            return error

    def _task(self, claim: Claim, data: Mapping[tuple[str, str], DataVersion | UnknownCounty]) -> Task | None:
        found = data[claim.county_id, claim.data_version or ""]
        if isinstance(found, UnknownCounty):
            self._fail(claim, FailureReason.UNKNOWN_COUNTY, str(found))
            return None
        return Task(
            claim.job_id,
            claim.analysis_type,
            claim.county_id,
            claim.parameters,
            found,
            claim.correlation_id,
            claim.traceparent,
            claim.attempt,
        )

    async def _came_out(self, claim: Claim, outcome: Outcome) -> None:
        if not self.held.is_held(claim):
            return
        if outcome.retry:
            await self._give_back({claim.job_id: claim.attempt}, outcome.message, RETRY_AFTER)
            return
        self.held[claim.job_id].seconds = outcome.seconds
        self._end(
            Finish(
                job_id=claim.job_id,
                attempt=claim.attempt,
                message=outcome.message,
                failure_reason=outcome.failure_reason,
                result_summary=outcome.result_summary,
                result_data_location=outcome.result_data_location,
                result_sha256=outcome.result_sha256,
            )
        )

    def _fail(self, claim: Claim, reason: FailureReason, message: str) -> None:
        self._end(Finish(job_id=claim.job_id, attempt=claim.attempt, message=message, failure_reason=reason))

    def _end(self, finish: Finish) -> None:
        self.held.end(finish.job_id)
        self._ended.append(finish)
        self._news.set()

    async def _crashed(self, claim: Claim, message: str) -> None:
        max_crashes = self.limits.max_crashes
        attempts = {claim.job_id: claim.attempt}
        taken = await until_available(self.jobs.crashed, attempts, message=message, max_crashes=max_crashes)
        cross(Boundary.CRASH_COUNTED)
        self.metrics.all_failed(taken.whose, FailureReason.ATTEMPTS_EXHAUSTED)
        self.metrics.dead_letters.labels(Stage.ANALYSE).inc(taken.given_up)
        self.held.forget(attempts)

    async def _give_back(self, attempts: Mapping[UUID, int], message: str, delay: timedelta) -> None:
        await until_available(self.jobs.release, attempts, message=message, delay=delay)
        self.held.forget(attempts)

    async def has_ended(self) -> bool:
        """Wait, but not for long, until the end of a job is there to be committed, and say whether one is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        return self._news.is_set()

    async def commit(self) -> None:
        """Commit what has ended, those that completed and those that failed in a statement each. Raises Unavailable; then it is tried again."""
        self._news.clear()
        cross(Boundary.ENDED)
        failed = [finish for finish in self._ended if finish.failure_reason]
        completed = [finish for finish in self._ended if not finish.failure_reason]
        try:
            if completed:
                await self._finish(completed)
            if completed and failed:
                cross(Boundary.FINISHED_PARTLY)
            if failed:
                await self._finish(failed)
        except BaseException:
            self._news.set()
            raise

    async def _finish(self, batch: Sequence[Finish]) -> None:
        """Commit these; what one of them hinders is committed all the same, and not again should another be hindered."""
        since = self.traces.tracer.now()
        try:
            done = await self.jobs.finish(batch)
        except UnstorableData as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._finish(batch[:middle])
                await self._finish(batch[middle:])
                return
            batch = [_unstored(batch[0], error)]
            done = await self.jobs.finish(batch)
        self._settle(batch, done, since)

    def _settle(self, batch: Sequence[Finish], done: frozenset[UUID], since: int) -> None:
        cross(Boundary.FINISHED)
        attempts = {finish.job_id: finish.attempt for finish in batch}
        self._ended = [finish for finish in self._ended if attempts.get(finish.job_id) != finish.attempt]
        self._count(batch, done, since)
        self.held.forget(attempts)
        self.relay_bell.ring()

    def _count(self, batch: Sequence[Finish], done: frozenset[UUID], since: int) -> None:
        self.metrics.fenced.inc(len(batch) - len(done))
        for finish in batch:
            held = self.held.held_as(finish.job_id, finish.attempt)
            if held is None or finish.job_id not in done:
                continue
            self.traces.finished(held.claim, finish, since=since)
            if finish.failure_reason:
                self.metrics.failed(held.claim.county_id, held.claim.analysis_type, finish.failure_reason)
            else:
                self.metrics.completed(held.claim.county_id, held.claim.analysis_type, held.seconds)

    async def release_all(self) -> None:
        """Hand back what has not ended, and stop its children."""
        running = {held.claim.job_id: held.claim.attempt for held in self.held.running}
        attempts = [held.attempt for held in self.held.running if held.attempt]
        if running:
            await self._give_back(running, "Its worker stops; waits for another", timedelta(0))
        for attempt in attempts:
            attempt.cancel()
        await until_available(self._hand_back_lost)

    def _is_late(self, claim: Claim) -> bool:
        left = self._left(claim)
        late = left is not None and left <= 0
        if late:
            self._fail(claim, FailureReason.DEADLINE_PASSED, "Its deadline passed before it was run to its end")
        return late

    def _time_limit(self, claims: Sequence[Claim]) -> float:
        left = [left for claim in claims if (left := self._left(claim)) is not None]
        return min([self.limits.job_timeout_s, *left])

    def _left(self, claim: Claim) -> float | None:
        """Return the seconds until its deadline; None without one."""
        gone = self.monotonic() - self.held[claim.job_id].claimed_at
        return None if claim.seconds_left is None else claim.seconds_left - gone


def _unstored(finish: Finish, error: UnstorableData) -> Finish:
    message = f"its answer cannot be stored: {error}"[:1000]
    reason = FailureReason.PROCESSING_EXCEPTION
    return Finish(job_id=finish.job_id, attempt=finish.attempt, message=message, failure_reason=reason)
