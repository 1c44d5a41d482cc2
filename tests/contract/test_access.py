"""Tokens, sessions, the audit log, and what a county's eyes see: by the fakes as by the real store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Action, Deed, NewToken, Role
from models.dead_letters import Stage
from models.jobs import FailureReason, JobStatus, Origin
from models.tables import access_sessions, access_tokens, audit_log
from terrafusion.adapters.memory.credentials import MemoryAuditLog, MemoryCredentials
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.credentials import PostgresAuditLog, PostgresCredentials
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.credentials import AuditLog, Credentials, DeedFilter
from terrafusion.ports import JobFilter, LetterFilter, Offer
from topics.catalogue import REQUESTS

HOUR = timedelta(hours=1)
COUNTIES = ("king_wa", "lucas_oh", "cook_il")
NEW = NewToken(name="ann", role=Role.ANALYST, counties=frozenset({"lucas_oh", "king_wa"}), digest=b"\x00\xff" * 16)


@dataclass
class Safe:
    credentials: Credentials
    log: AuditLog


@pytest.fixture
async def postgres_safe(shared_engine: AsyncEngine) -> Safe:
    async with shared_engine.begin() as connection:
        for table in (access_sessions, access_tokens, audit_log):
            await connection.execute(delete(table))
    return Safe(PostgresCredentials(shared_engine), PostgresAuditLog(shared_engine))


@pytest.fixture(params=["memory", "postgres"])
def safe(request: pytest.FixtureRequest) -> Safe:
    if request.param == "memory":
        return Safe(MemoryCredentials(clock=utc_now), MemoryAuditLog(clock=utc_now))
    return request.getfixturevalue("postgres_safe")


def utc_now() -> datetime:
    return datetime.now(UTC)


async def held(safe: Safe, *digests: bytes) -> dict[bytes, int]:
    return {digest: token.id for digest, token in (await safe.credentials.holders(digests)).items()}


class TestTokens:
    async def test_one_is_found_by_its_digest_alone(self, safe):
        token = await safe.credentials.create(NEW)
        found = await safe.credentials.holders([NEW.digest, b"other"])
        assert found == {NEW.digest: token}
        assert (token.name, token.role, token.counties, token.revoked_at) == ("ann", Role.ANALYST, NEW.counties, None)
        assert await safe.credentials.holders([]) == {}

    async def test_without_counties_it_is_for_all_and_with_none_for_none(self, safe):
        everywhere = await safe.credentials.create(replace(NEW, counties=None))
        nowhere = await safe.credentials.create(replace(NEW, counties=frozenset(), digest=b"n"))
        assert (everywhere.counties, nowhere.counties) == (None, frozenset())

    async def test_one_that_is_revoked_or_has_expired_is_none(self, safe):
        for number, days in enumerate((None, 1.0, -1.0)):
            await safe.credentials.create(replace(NEW, digest=bytes([number]), days=days))
        first, second, third = await safe.credentials.tokens()
        assert await held(safe, b"\x00", b"\x01", b"\x02") == {b"\x00": first.id, b"\x01": second.id}
        revoked = await safe.credentials.revoke(first.id)
        assert await safe.credentials.revoke(first.id) == revoked
        assert revoked.revoked_at
        assert await held(safe, b"\x00", b"\x01", b"\x02") == {b"\x01": second.id}
        assert [token.id for token in await safe.credentials.tokens()] == [first.id, second.id, third.id]
        assert await safe.credentials.revoke(10**9) is None


class TestSessions:
    async def test_one_stands_for_its_token_until_either_ends(self, safe):
        token = await safe.credentials.create(NEW)
        other = await safe.credentials.create(replace(NEW, digest=b"o"))
        for digest, of in ((b"s1", token), (b"s2", token), (b"s3", other)):
            await safe.credentials.open(digest, token_id=of.id, lasts=HOUR)
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s1": token.id, b"s2": token.id, b"s3": other.id}
        (found,) = (await safe.credentials.holders([b"s1"])).values()
        assert replace(found, expires_at=None) == token
        assert found.expires_at - token.created_at < 2 * HOUR
        await safe.credentials.close(b"s1")
        await safe.credentials.close(b"unknown")
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s2": token.id, b"s3": other.id}
        await safe.credentials.revoke(token.id)
        assert await held(safe, b"s1", b"s2", b"s3") == {b"s3": other.id}

    async def test_it_expires(self, safe):
        token = await safe.credentials.create(NEW)
        await safe.credentials.open(b"late", token_id=token.id, lasts=-HOUR)
        assert await held(safe, b"late") == {}
        await safe.credentials.open(b"new", token_id=token.id, lasts=HOUR)
        assert await held(safe, b"late", b"new") == {b"new": token.id}


class TestLog:
    async def test_newest_first_page_by_page_and_filtered(self, safe):
        job_id = uuid4()
        deeds = [
            Deed(action=Action.RUN, outcome="done", who="ann", token_id=1, county_id="king_wa", job_id=job_id),
            Deed(action=Action.CANCEL, outcome="not-found", who="ann", token_id=1, detail="x", address="10.0.0.1"),
            Deed(action=Action.RUN, outcome="done", who="bob", token_id=2, county_id="lucas_oh"),
        ]
        for deed in deeds:
            await safe.log.write(deed)

        async def found(*, before: int | None = None, limit: int = 9, **wanted: Any) -> list[int]:
            page = await safe.log.page(DeedFilter(**wanted), before=before, limit=limit)
            return [deeds.index(Deed(**{name: getattr(e, name) for name in Deed.__dataclass_fields__})) for e in page]

        assert await found() == [2, 1, 0]
        first = await safe.log.page(DeedFilter(), before=None, limit=1)
        assert await found(before=first[0].id, limit=1) == [1]
        assert await found(who="ann") == [1, 0]
        assert await found(action=Action.RUN, outcome="done") == [2, 0]
        assert await found(job_id=job_id) == await found(county_id="king_wa") == [0]
        assert await found(counties=frozenset({"lucas_oh"})) == [2]
        assert await found(counties=frozenset()) == []
        assert await found(counties=frozenset({"lucas_oh"}), county_id="king_wa") == []
        now = datetime.now(UTC)
        assert await found(since=now - HOUR, until=now + HOUR) == [2, 1, 0]
        assert await found(until=now - HOUR) == await found(since=now + HOUR) == []

    async def test_no_entry_is_ever_changed(self, shared_engine):
        await PostgresAuditLog(shared_engine).write(Deed(action=Action.RUN, outcome="done"))
        with pytest.raises(DBAPIError, match="never changed"):
            async with shared_engine.begin() as connection:
                await connection.execute(text("UPDATE audit_log SET who = 'nobody'"))

    async def test_retention_takes_the_old_some_at_a_time(self, driver):
        log = PostgresAuditLog(driver._engine) if hasattr(driver, "_engine") else MemoryAuditLog(clock=driver._tick)
        driver.retention._log = log
        for _ in range(5):
            await log.write(Deed(action=Action.RUN, outcome="done"))
        many = len(await log.page(DeedFilter(), before=None, limit=99))
        async with driver.retention.alone() as purging:
            assert await purging.forget_deeds(age=HOUR, limit=9) == 0
            assert await purging.forget_deeds(age=-HOUR, limit=2) == 2
            assert await purging.forget_deeds(age=-HOUR, limit=99) == many - 2
        assert await log.page(DeedFilter(), before=None, limit=9) == []


scopes = st.none() | st.frozensets(st.sampled_from(COUNTIES))
of_jobs = st.lists(st.tuples(st.sampled_from(COUNTIES), st.booleans()), max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=of_jobs, scope=scopes, asked=st.none() | st.sampled_from(COUNTIES))
def test_of_other_counties_there_is_nothing(by_hand, made, scope, asked):
    """Whatever is there: a page, one job, the counts and the letters are those of the counties that may be seen."""
    bench, run = by_hand
    run(bench.driver.clear())
    memory = isinstance(bench.store, MemoryJobStore)
    letters = bench.store.dead_letters if memory else PostgresDeadLetters(bench.driver._engine)
    jobs = [_born(bench, county, offset, failed=failed) for offset, (county, failed) in enumerate(made)]
    foreign = [_conflict(bench, job, 1000 + offset) for offset, job in enumerate(jobs)]
    stray = bench.letter(9999)
    own = [
        bench.letter(job.origin.offset, stage=Stage.VALIDATE, job_id=job.job_id) for job in jobs if job.failure_reason
    ]
    ends = [bench.letter(None, stage=Stage.ANALYSE, job_id=job.job_id) for job in jobs]
    run(bench.store.accept([Offer(job) for job in jobs], [*foreign, stray, *own, *ends]))

    seen = {job.job_id for job in jobs if scope is None or job.county_id in scope}
    narrowed = {job.job_id for job in jobs if job.job_id in seen and asked in (None, job.county_id)}
    page = run(bench.store.page(JobFilter(county_id=asked, counties=scope), after=None, limit=99))
    assert {job.job_id for job in page.jobs} == narrowed
    assert {job.job_id for job in jobs if run(bench.store.get(job.job_id, counties=scope))} == seen
    counts = run(bench.store.counts(JobFilter(counties=scope)))
    assert sum(counts.values()) == len(seen)
    assert counts[JobStatus.FAILED] == sum(job.failure_reason is not None for job in jobs if job.job_id in seen)

    changed = run(bench.store.changed(datetime(2000, 1, 1, tzinfo=UTC), 99, counties=scope))
    assert {event.job_id for event in changed} == seen
    found = run(bench.store.attention(99, counties=scope))
    assert {job.job_id for job in (*found.failed, *found.late)} <= seen
    named = (
        run(bench.store.page(JobFilter(text=str(jobs[0].job_id)[:18], counties=scope), after=None, limit=9))
        if jobs
        else None
    )
    assert named is None or bool(named.jobs) is (jobs[0].job_id in seen)

    wanted = LetterFilter(state=None, counties=scope)
    entries = run(letters.page(wanted, before=None, limit=99))
    told = sorted((entry.stage, entry.job_id) for entry in entries if entry.job_id)
    if scope is None:
        assert len(entries) == len(foreign) + 1 + len(own) + len(ends)
    else:
        assert told == sorted((letter.stage, letter.job_id) for letter in (*own, *ends) if letter.job_id in seen)
    assert run(letters.count(wanted, after=0)) == len(entries)
    assert sorted(run(letters.ids(wanted, after=0, limit=99))) == sorted(entry.id for entry in entries)
    every = run(letters.ids(LetterFilter(state=None), after=0, limit=99))
    assert [i for i in every if run(letters.get(i, counties=scope))] == sorted(entry.id for entry in entries)


def _born(bench, county, offset, *, failed):
    reason = FailureReason.INVALID_PARAMETERS if failed else None
    return bench.job(county_id=county, origin=Origin(REQUESTS.name, 3, offset), failure_reason=reason)


def _conflict(bench, job, offset):
    """Somebody else's request under a job's id."""
    return bench.letter(offset, stage=Stage.ACCEPT, job_id=job.job_id, error_class="Conflict")


async def test_counties_that_are_not_seen_are_not_loaded(driver):
    for county in COUNTIES:
        await driver.load(county, "v1")

    async def names(of):
        return [version.county_id for version in await driver.counties.current(of)]

    assert await names(None) == sorted(COUNTIES)
    assert await names(frozenset({"king_wa", "nowhere"})) == ["king_wa"]
    assert await names(frozenset()) == []
