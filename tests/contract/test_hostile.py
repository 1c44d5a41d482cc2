"""Text is text: what means something to SQL is stored, found and forgotten as it came, by the fake as by Postgres."""

from __future__ import annotations

import pytest
from support.hostile import WORDS

from models.dead_letters import DeadLetter, Handling, LetterState, Stage
from models.pauses import Scope
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.errors import UnstorableData
from terrafusion.ports.jobs import JobFilter, Offer
from terrafusion.ports.letters import LetterFilter

TEXTS = {name: word for name, word in WORDS.items() if "\0" not in word}
FIELDS = ("county_id", "analysis_type", "correlation_id", "requested_by", "traceparent", "digest", "message")


@pytest.mark.parametrize("name", TEXTS)
async def test_a_job_whose_every_field_is_that_word(bench, name):
    word = TEXTS[name]
    other = await bench.waiting()
    job = bench.job(**dict.fromkeys(FIELDS, word), parameters={word: [word]})
    await bench.store.accept([Offer(job)])
    kept = await bench.look(job.job_id)
    assert [getattr(kept, field) for field in FIELDS] == [word] * len(FIELDS)
    assert kept.parameters == {word: [word]}
    for field in ("county_id", "analysis_type", "correlation_id"):
        page = await bench.store.page(JobFilter(**{field: word}), after=None, limit=9)
        assert [found.job_id for found in page.jobs] == [job.job_id]
    await bench.driver.pauses.pause(Scope.COUNTY, word, reason=word, requested_by=word)
    assert {claim.job_id for claim in await bench.claim()} == {other}
    assert await bench.driver.counties.version(word, word) is None
    assert await bench.driver.pauses.resume(Scope.COUNTY, word)
    assert await bench.store.cancel([job.job_id], message=word) == {job.job_id}
    assert (await bench.look(job.job_id)).message == word


@pytest.mark.parametrize("name", TEXTS)
async def test_a_dead_letter_likewise(bench, name):
    word = TEXTS[name]
    store = bench.store
    letters = store.dead_letters if isinstance(store, MemoryJobStore) else PostgresDeadLetters(bench.driver._engine)
    where = {
        "topic": word,
        "partition": 0,
        "offset": 1,
        "timestamp": (await bench.look(await bench.waiting())).created_at,
    }
    content = {"key": word.encode(), "value": word.encode(), "headers": ((word, word.encode()),)}
    why = {"stage": Stage.DECODE, "error_class": word, "error_message": word}
    await store.accept([], [DeadLetter(**where, **content, **why)])
    wanted = LetterFilter(topic=word, error_class=word)
    (entry,) = await letters.page(wanted, before=None, limit=9)
    whole = await letters.get(entry.id)
    assert (whole.topic, whole.error_message, whole.value, whole.headers) == (
        word,
        word,
        word.encode(),
        content["headers"],
    )
    assert await letters.settle([entry.id], Handling(state=LetterState.DISCARDED, by=word, note=word)) == {entry.id}
    assert (await letters.get(entry.id)).note == word


async def test_what_postgres_cannot_hold_is_said(bench):
    for field in ("county_id", "correlation_id", "message"):
        with pytest.raises(UnstorableData):
            await bench.store.accept([Offer(bench.job(**{field: "king\0wa"}))])
