"""What becomes of requests: by one rule over the topic and over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from support.counties import version_of

from models.access import anybody
from models.dead_letters import Stage
from models.jobs import FailureReason, JobStatus
from models.messages import AnalysisRequest
from models.records import IncomingRecord
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import Conflict, InvalidParameters, Unavailable, UnknownCounty, UnstorableData
from terrafusion.metrics import Metrics
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.producers import EVERY_PRODUCER
from topics.catalogue import REQUESTS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KING = version_of("king_wa")


class Refusing(MemoryJobStore):
    """A store that cannot hold jobs of one correlation id."""

    async def accept(self, offers, letters=(), *, deed=None):
        if any(offer.job.correlation_id == "unstorable" for offer in offers):
            raise UnstorableData("no")
        return await super().accept(offers, letters, deed=deed)


@pytest.fixture
def store():
    return Refusing(clock=lambda: NOW, counties=MemoryCounties([KING]))


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def accept(store, registry):
    catalogue = load_catalogue()
    metrics = Metrics(registry, catalogue.names)
    counties = KnownCounties(MemoryCounties([KING]), metrics)
    return Accept(
        jobs=store,
        counties=counties,
        catalogue=catalogue,
        metrics=metrics,
        on_accepted=lambda: None,
        caller=anybody,
        producers=EVERY_PRODUCER,
    )


def record(offset: int, **fields) -> IncomingRecord:
    request = {"job_id": str(UUID(int=offset)), "analysis_type": "price_trend_by_zip", "county_id": "king_wa", **fields}
    return IncomingRecord(REQUESTS.name, 0, offset, NOW, None, json.dumps(request).encode(), ())


async def test_a_good_request_waits(accept, store):
    await accept.records([record(1)])
    job = await store.get(UUID(int=1))
    assert (job.status, job.data_version, job.origin.offset) == (JobStatus.PENDING, "v1", 1)
    assert store.letters == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"analysis_type": "astrology"}, FailureReason.UNKNOWN_ANALYSIS_TYPE),
        ({"county_id": "atlantis"}, FailureReason.UNKNOWN_COUNTY),
        ({"parameters": {"period": "fortnight"}}, FailureReason.INVALID_PARAMETERS),
        ({"surprise": 1}, FailureReason.INVALID_PARAMETERS),
    ],
)
async def test_a_bad_request_that_says_who_asks_for_what_is_born_failed_beside_its_letter(
    accept, store, fields, reason
):
    await accept.records([record(1, **fields), record(2)])
    assert (await store.get(UUID(int=1))).failure_reason is reason
    assert [(letter.offset, letter.stage) for letter in store.letters] == [(1, Stage.VALIDATE)]
    assert (await store.get(UUID(int=2))).status is JobStatus.PENDING


async def test_bytes_that_are_no_request_are_a_letter_alone(accept, store):
    await accept.records([IncomingRecord(REQUESTS.name, 0, 7, NOW, None, b"\xff{", ()), record(2)])
    assert [(letter.offset, letter.stage) for letter in store.letters] == [(7, Stage.DECODE)]
    assert sum((await store.counts()).values()) == 1


async def test_the_one_that_cannot_be_stored_is_found_and_the_others_are_accepted(accept, store, registry):
    bad = record(5, correlation_id="unstorable")
    await accept.records([record(offset) for offset in (1, 2, 3, 4)] + [bad] + [record(6), record(7)])
    assert (await store.counts())[JobStatus.PENDING] == 6
    assert [(letter.offset, letter.stage) for letter in store.letters] == [(5, Stage.ACCEPT)]
    assert registry.get_sample_value("terrafusion_dead_letters_total", {"stage": "accept"}) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"county_id": "atlantis"}, ("atlantis", "price_trend_by_zip")),
        ({"analysis_type": "astrology", "surprise": 1}, ("king_wa", "astrology")),
        ({"correlation_id": "unstorable"}, ("king_wa", "price_trend_by_zip")),
        ({"analysis_type": "../.."}, (None, None)),
    ],
    ids=repr,
)
async def test_a_letter_tells_which_county_and_type_its_record_names(accept, store, fields, named):
    await accept.records([record(1, **fields)])
    (letter,) = store.letters
    assert (letter.county_id, letter.analysis_type) == named


async def test_so_does_that_of_a_request_under_an_id_that_stands_for_another(accept, store):
    await accept.records([record(1), replace(record(1, parameters={"period": "year"}), offset=2)])
    (letter,) = store.letters
    assert (letter.error_class, letter.county_id, letter.analysis_type) == ("Conflict", "king_wa", "price_trend_by_zip")


async def test_a_store_that_is_away_is_told_to_the_caller(accept, monkeypatch, store):
    async def away(*_):
        raise Unavailable("away")

    monkeypatch.setattr(store, "accept", away)
    with pytest.raises(Unavailable):
        await accept.records([record(1)])


class TestOverHttp:
    REQUEST = AnalysisRequest(analysis_type="price_trend_by_zip", county_id="king_wa")

    async def test_an_idempotency_key_gives_the_same_job(self, accept):
        first = await accept.submit(self.REQUEST, idempotency_key="a")
        assert (await accept.submit(self.REQUEST, idempotency_key="a")).job_id == first.job_id
        assert (await accept.submit(self.REQUEST, idempotency_key="b")).job_id != first.job_id

    async def test_the_same_id_for_another_request_is_a_conflict(self, accept):
        job_id = uuid4()
        await accept.submit(self.REQUEST.model_copy(update={"job_id": job_id}))
        other = self.REQUEST.model_copy(update={"job_id": job_id, "parameters": {"period": "year"}})
        with pytest.raises(Conflict):
            await accept.submit(other)

    async def test_parameters_that_mean_the_same_are_the_same_request(self, accept):
        ids = {"job_id": uuid4()}
        first = await accept.submit(
            self.REQUEST.model_copy(update={**ids, "parameters": {"zip_codes": ["98101-1234"]}})
        )
        again = await accept.submit(self.REQUEST.model_copy(update={**ids, "parameters": {"zip_codes": ["98101"]}}))
        assert first.job_id == again.job_id

    @pytest.mark.parametrize(
        ("fields", "error"),
        [({"county_id": "atlantis"}, UnknownCounty), ({"parameters": {"min_sales": "many"}}, InvalidParameters)],
    )
    async def test_what_is_wrong_is_told_and_nothing_is_kept(self, accept, store, fields, error):
        with pytest.raises(error):
            await accept.submit(self.REQUEST.model_copy(update=fields))
        assert store.letters == []
        assert sum((await store.counts()).values()) == 0


async def test_labels_are_known_names_only(accept, registry):
    await accept.records([record(1), record(2, county_id="atlantis"), record(3, analysis_type="astrology")])
    told = generate_latest(registry).decode()
    assert 'county_id="king_wa",status_on_submit="PENDING"} 1.0' in told
    assert 'analysis_type="price_trend_by_zip",county_id="other",status_on_submit="FAILED"} 1.0' in told
    assert "atlantis" not in told
    assert "astrology" not in told
