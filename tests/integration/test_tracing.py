"""A worker as it is put together, whose spans reach a collector over OTLP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.county_tables import county_profiles, data_versions
from terrafusion.bootstrap.worker import create_worker, make_guard
from terrafusion.settings import Settings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PREFIX = "/plugins/v1/market-analysis"


@pytest.fixture
async def county(engine: AsyncEngine) -> None:
    version = {"data_version": "v1", "snapshot_uri": "file:///nowhere", "sales": 1, "current": True}
    async with engine.begin() as connection:
        await connection.execute(insert(county_profiles).values(county_id="lucas_oh", profile={}))
        await connection.execute(insert(data_versions).values(county_id="lucas_oh", profile={}, **version))


@pytest.mark.usefixtures("county")
async def test_what_a_worker_does_reaches_the_collector(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        told.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    collector = web.Application()
    collector.router.add_post("/v1/traces", take)
    async with TestServer(collector) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", str(server.make_url("/")).rstrip("/"))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        settings = Settings(
            database_url=SecretStr(database_url), kafka_bootstrap="127.0.0.1:9", data_dir=tmp_path, tracing="otlp"
        )
        worker = create_worker(settings, make_guard(settings))
        assert worker.bench.traces.tracer is worker.tracer
        asked = {"analysis_type": "trend_analysis", "county_id": "lucas_oh"}
        async with TestClient(TestServer(await worker.app.web.wsgi())) as client:
            answer = await client.post(
                f"{PREFIX}/run", json=asked, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            )
            assert answer.status == 202
        await worker.close_tracer()
        for own in worker.engines:
            await own.dispose()
    (resource,) = [spans for request in told for spans in request.resource_spans]
    names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert names["service.name"] == "terrafusion-market-analysis"
    (span,) = [span for scope in resource.scope_spans for span in scope.spans]
    assert (span.name, span.trace_id.hex()) == ("accept", TRACE)
    assert {pair.key for pair in span.attributes} >= {"terrafusion.job_id", "terrafusion.county_id"}
