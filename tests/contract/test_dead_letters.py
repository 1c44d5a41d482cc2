"""Dead letters listed, settled once and published again, by the fake as by the real store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models.dead_letters import DeadLetter, Handling, LetterState, Stage
from models.records import OutgoingRecord
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.acceptance import INSERT_LETTERS, parking
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.letters import PostgresDeadLetters, open_letters
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.ports.jobs import Offer
from terrafusion.ports.letters import DeadLetters, LetterFilter
from topics.catalogue import REQUESTS

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ALL = LetterFilter(state=None)
OPEN = LetterFilter()
DISCARD = Handling(state=LetterState.DISCARDED, by="ann", note="a test of ours")


class Desk:
    """The letters of a store under test, and the ways in which they come."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self._memory = bench.store if isinstance(bench.store, MemoryJobStore) else None
        self.letters: DeadLetters = (
            self._memory.dead_letters if self._memory else PostgresDeadLetters(bench.driver._engine)
        )

    async def keep(self, *letters: DeadLetter) -> Sequence[int]:
        """Keep letters; answers the ids of all there are."""
        await self.bench.store.accept([], letters)
        return await self.letters.ids(ALL, after=0, limit=1000)

    async def park(self, letter: DeadLetter) -> int:
        """Keep a letter of which nothing is told."""
        if self._memory:
            self._memory.dead_letters.park([letter])
        else:
            async with connected(single_statements(self.bench.driver._engine)) as connection:
                await connection.execute(INSERT_LETTERS, parking([letter]))
        return (await self.letters.ids(ALL, after=0, limit=1000))[-1]


@pytest.fixture
def desk(bench) -> Desk:
    return Desk(bench)


def parked(**fields) -> DeadLetter:
    place = {"topic": "market-analysis.large.v1", "partition": None, "offset": None, "timestamp": LONG_AGO}
    content = {"key": b"job", "value": b"\xff" * 9, "headers": (("ce_id", b"completed/1"), ("ce_id", b"\x00"))}
    reason = {"stage": Stage.PUBLISH, "error_class": "RecordTooLarge", "error_message": "the broker refuses its size"}
    return DeadLetter(**(place | content | reason | fields))


async def test_nothing_at_first(desk):
    assert await desk.letters.page(ALL, before=None, limit=10) == []
    assert await desk.letters.count(ALL, after=0) == 0
    assert await desk.letters.get(1) is None
    assert await desk.letters.settle([1], DISCARD) == frozenset()
    assert not await desk.letters.republish(1, by=None)


async def test_newest_first_page_by_page(desk, bench):
    ids = await desk.keep(*(bench.letter(n) for n in range(1, 6)))
    first = await desk.letters.page(OPEN, before=None, limit=2)
    rest = await desk.letters.page(OPEN, before=first[-1].id, limit=10)
    assert [entry.id for entry in (*first, *rest)] == sorted(ids, reverse=True)
    assert [entry.offset for entry in (*first, *rest)] == [5, 4, 3, 2, 1]


async def test_oldest_first_for_who_deals_with_many(desk, bench):
    ids = await desk.keep(*(bench.letter(n) for n in range(1, 6)))
    assert await desk.letters.ids(OPEN, after=ids[1], limit=2) == ids[2:4]
    assert await desk.letters.count(OPEN, after=ids[1]) == 3


async def test_a_letter_is_kept_as_it_came(desk, bench):
    job_id = uuid4()
    about = {"county_id": "king_wa", "analysis_type": "noop", "worker": "w", "first_failed_at": LONG_AGO}
    whole = bench.letter(7, job_id=job_id, attempts=3, error_message="bad", **about)
    (letter_id,) = await desk.keep(whole)
    kept = await desk.letters.get(letter_id)
    for name in DeadLetter.__dataclass_fields__:
        assert getattr(kept, name) == getattr(whole, name), name
    assert (kept.state, kept.note, kept.handled_at, kept.replayed_as) == (LetterState.OPEN, None, None, None)
    (entry,) = await desk.letters.page(OPEN, before=None, limit=1)
    assert (entry.id, entry.created_at, entry.job_id) == (letter_id, kept.created_at, job_id)


FILTERS = (
    LetterFilter(topic=REQUESTS.name),
    LetterFilter(stage=Stage.DECODE),
    LetterFilter(stage=Stage.PUBLISH, topic=REQUESTS.name),
    LetterFilter(error_class="RecordTooLarge"),
    LetterFilter(state=LetterState.DISCARDED),
    LetterFilter(state=None, stage=Stage.VALIDATE),
    LetterFilter(state=LetterState.REPLAYED),
)


@pytest.mark.parametrize(("wanted", "found"), list(zip(FILTERS, ([1], [1], [], [3], [2], [2], []), strict=True)))
async def test_filters(desk, bench, wanted, found):
    ids = await desk.keep(bench.letter(1), bench.letter(2, stage=Stage.VALIDATE))
    ids = [*ids, await desk.park(parked())]
    await desk.letters.settle([ids[1]], DISCARD)
    expected = [ids[number - 1] for number in found]
    assert [entry.id for entry in await desk.letters.page(wanted, before=None, limit=10)] == expected
    assert list(await desk.letters.ids(wanted, after=0, limit=10)) == expected
    assert await desk.letters.count(wanted, after=0) == len(expected)


async def test_by_county_and_type_page_by_page(desk, bench):
    named = [("a", "x"), ("b", "x"), (None, None), ("a", "y"), ("a", "x"), ("b", "y"), ("a", "x")]
    ids = await desk.keep(*(bench.letter(n, county_id=c, analysis_type=t) for n, (c, t) in enumerate(named)))
    await desk.letters.settle([ids[-1]], DISCARD)

    async def pages(wanted: LetterFilter) -> list[int]:
        found: list[int] = []
        while page := await desk.letters.page(wanted, before=found[-1] if found else None, limit=2):
            found += [entry.id for entry in page]
        assert sorted(found) == list(await desk.letters.ids(wanted, after=0, limit=9))
        assert await desk.letters.count(wanted, after=0) == len(found)
        return [ids.index(letter_id) for letter_id in found]

    assert await pages(LetterFilter(county_id="a")) == [4, 3, 0]
    assert await pages(LetterFilter(county_id="a", state=None)) == [6, 4, 3, 0]
    assert await pages(LetterFilter(analysis_type="x")) == [4, 1, 0]
    assert await pages(LetterFilter(county_id="a", analysis_type="x")) == [4, 0]
    assert await pages(LetterFilter(county_id="nowhere")) == []


async def test_who_sees_some_counties_finds_no_others_letters_by_their_name(desk, bench):
    job = bench.job(county_id="a")
    own = bench.letter(None, stage=Stage.ANALYSE, job_id=job.job_id, county_id="a")
    await bench.store.accept([Offer(job)], [own, bench.letter(1, county_id="a"), bench.letter(2, county_id="b")])
    seen = frozenset({"a"})
    assert await desk.letters.count(LetterFilter(county_id="a", counties=seen), after=0) == 1
    assert await desk.letters.count(LetterFilter(county_id="b", counties=seen), after=0) == 0


async def test_what_is_asked_by_county_or_type_is_read_by_its_index(desk, bench):
    if not isinstance(desk.letters, PostgresDeadLetters):
        return
    named = [("a", "x")] * 5 + [("b", "y")] * 3000
    await desk.keep(*(bench.letter(n, county_id=c, analysis_type=t) for n, (c, t) in enumerate(named)))
    async with bench.driver._engine.connect() as connection:
        await connection.execute(text("ANALYZE dead_letters"))
        for column, value in (("county_id", "a"), ("analysis_type", "x")):
            asked = f"""EXPLAIN SELECT id FROM dead_letters WHERE state = 'open' AND {column} = '{value}'
                ORDER BY id DESC LIMIT 51"""
            plan = "\n".join((await connection.execute(text(asked))).scalars())
            assert "ix_dead_letters_county" in plan or "ix_dead_letters_type" in plan, plan


async def test_by_job_and_by_when_it_was_kept(desk, bench):
    job_id = uuid4()
    first, second = await desk.keep(bench.letter(1)), await desk.keep(bench.letter(2, job_id=job_id))
    kept = (await desk.letters.get(second[-1])).created_at
    beside = {"since": LetterFilter(since=kept), "until": LetterFilter(until=kept), "job": LetterFilter(job_id=job_id)}
    found = {name: list(await desk.letters.ids(wanted, after=0, limit=9)) for name, wanted in beside.items()}
    assert found == {"since": second[1:], "until": list(first), "job": second[1:]}
    assert await desk.letters.count(LetterFilter(since=kept + timedelta(days=1)), after=0) == 0


async def test_only_the_first_who_settles_a_letter_does(desk, bench):
    ids = await desk.keep(bench.letter(1), bench.letter(2))
    replayed = Handling(state=LetterState.REPLAYED, by="ben", replayed_as=uuid4())
    assert await desk.letters.settle(ids[:1], DISCARD) == {ids[0]}
    assert await desk.letters.settle([*ids, 10**12], replayed) == {ids[1]}
    first, second = [await desk.letters.get(letter_id) for letter_id in ids]
    assert (first.state, first.note, first.handled_by) == (LetterState.DISCARDED, "a test of ours", "ann")
    assert (second.state, second.replayed_as) == (LetterState.REPLAYED, replayed.replayed_as)
    assert first.handled_at >= first.created_at


async def test_of_ten_at_once_one_wins(desk, bench):
    (letter_id,) = await desk.keep(bench.letter(1))
    said = await asyncio.gather(*(desk.letters.settle([letter_id], DISCARD) for _ in range(10)))
    assert sorted(map(len, said)) == [0] * 9 + [1]


async def test_what_was_too_large_is_published_again_as_it_was_once(desk, bench):
    letter = parked()
    letter_id = await desk.park(letter)
    assert await bench.driver.outbox() == []
    said = await asyncio.gather(*(desk.letters.republish(letter_id, by="ann") for _ in range(5)))
    assert sorted(said) == [False] * 4 + [True]
    told = OutgoingRecord(letter.topic, letter.key, letter.value, letter.headers)
    assert list(await bench.driver.outbox()) == [told]
    kept = await desk.letters.get(letter_id)
    assert (kept.state, kept.handled_by, kept.replayed_as) == (LetterState.REPLAYED, "ann", None)


async def test_a_message_that_was_refused_here_is_no_record_to_publish(desk, bench):
    (letter_id,) = await desk.keep(bench.letter(1))
    told = len(await bench.driver.outbox())
    assert not await desk.letters.republish(letter_id, by=None)
    assert len(await bench.driver.outbox()) == told
    assert (await desk.letters.get(letter_id)).state is LetterState.OPEN


async def test_a_letter_tells_the_worker_that_refused_it(bench):
    if isinstance(bench.store, MemoryJobStore):
        return
    store = PostgresJobStore(bench.driver._engine, sender="host:7:abc")
    await store.accept([], [bench.letter(1), bench.letter(2, worker="another")])
    told = [dict(record.headers)["dlq.worker"] for record in await bench.dead()]
    assert told == [b"host:7:abc", b"another"]


async def test_the_record_of_a_letter_names_it(desk, bench):
    ids = await desk.keep(bench.letter(1), bench.letter(2))
    told = [dict(record.headers)["dlq.id"] for record in await bench.dead()]
    assert sorted(told) == sorted(str(letter_id).encode() for letter_id in ids)


class TestAnyBytes:
    """Whatever a record held comes back as it was: bytes, repeated and empty headers, nothing at all."""

    @given(
        st.none() | st.binary(max_size=60),
        st.none() | st.binary(max_size=60),
        st.lists(st.tuples(st.text(max_size=10), st.none() | st.binary(max_size=20)), max_size=4),
    )
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_survive(self, by_hand, key, value, headers):
        bench, run = by_hand
        desk = Desk(bench)
        letter = bench.letter(None, key=key, value=value, headers=tuple(headers))
        ids = run(desk.keep(letter))
        kept = run(desk.letters.get(ids[-1]))
        assert (kept.key, kept.value, kept.headers) == (key, value, tuple(headers))
        record = run(bench.dead())[-1]
        assert (record.key, record.value, record.headers[: len(headers)]) == (key, value, tuple(headers))


async def test_the_leader_counts_what_is_open_by_stage(desk, bench):
    ids = await desk.keep(*(bench.letter(n) for n in range(3)))
    await desk.park(parked())
    await desk.letters.settle(ids[:1], DISCARD)
    if isinstance(desk.letters, PostgresDeadLetters):
        async with connected(single_statements(bench.driver._engine)) as connection:
            assert await open_letters(connection) == {Stage.DECODE: 2, Stage.PUBLISH: 1}
