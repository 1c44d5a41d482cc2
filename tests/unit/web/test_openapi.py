"""The OpenAPI document says what the paths do: every route, every answer, every example, held to its schema."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator

from models.dead_letters import DeadLetter, Stage
from models.jobs import JobStatus
from terrafusion.analysis.registry import load_catalogue
from terrafusion.web.openapi import openapi

PREFIX = "/plugins/v1/market-analysis"
PAGES = {
    "/attention",
    "/bulk",
    "/live/jobs",
    "/live/jobs/{job_id}",
    "/",
    "/jobs/{job_id}",
    "/dead-letters",
    "/dead-letters/{letter_id}",
    "/jobs/{job_id}/print",
    "/audit",
    "/login",
    "/logout",
    "/ask",
    "/ask/{analysis_type}",
    "/compare",
    "/counties",
    "/counties/{county_id}",
    "/docs",
    "/docs/http",
    "/docs/http/{name}",
    "/docs/topics",
    "/lag",
    "/pauses",
    "/pauses/pause",
    "/pauses/resume",
    "/throughput",
    "/workers",
}
"""What is made for people stands in no document for programs."""
DOCUMENT = openapi(load_catalogue(), "1.2.3")
REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
RESULT = {
    "result_summary": {"key_finding": "Prices rose."},
    "data_quality": {"read": 1},
    "warnings": [{"code": "thin", "message": "Few sales."}],
    "trends": [{"period": "2014"}],
    "rows": [],
    "result_data_location": None,
}


def letter(offset: int, value: bytes) -> DeadLetter:
    return DeadLetter(
        topic="market-analysis.requests.v1",
        partition=3,
        offset=offset,
        timestamp=datetime(2026, 2, 28, tzinfo=UTC),
        stage=Stage.DECODE,
        error_class="MalformedMessage",
        error_message="bad",
        key=None,
        value=value,
        headers=(("ce_id", b"1"),),
    )


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def held(value: Any, schema: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_every_schema_is_one_and_every_reference_leads_to_one() -> None:
    named = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) <= named
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_described_and_no_other(client: Any) -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in client.server.app.router.routes()
        if route.method in {"GET", "POST"} and not route.resource.canonical.startswith("/static")
    }
    described = {(method, path) for method, path, _ in operations()}
    assert described <= routes
    assert {path for method, path in routes - described} - PAGES == set()


def test_every_operation_has_a_name_of_its_own_and_a_sentence() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) > 20
    assert all(operation["summary"].endswith(".") for _, _, operation in operations())


def examples() -> Iterator[Any]:
    for method, path, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for content in body.get("content", {}).values():
                if "example" in content:
                    yield pytest.param(content, id=f"{method} {path}")


@pytest.mark.parametrize("content", [*examples()])
def test_an_example_is_what_its_schema_says(content: Any) -> None:
    held(content["example"], content["schema"])


def test_the_parameters_of_every_type_are_told() -> None:
    told = {name for name in DOCUMENT["components"]["schemas"] if name.startswith("parameters.")}
    assert {f"parameters.{analysis.name}" for analysis in load_catalogue()} <= told


class TestAnswers:
    """What the paths answer is what the document says they do."""

    @pytest.fixture
    def ask(self, client: Any) -> Any:
        async def asked(method: str, path: str, *, of: str | None = None, json: Any = None) -> Any:
            answer = await client.request(method, path, json=json)
            operation = DOCUMENT["paths"][of or path][method]
            content = operation["responses"][str(answer.status)]["content"]
            body = await answer.json()
            held(body, content[answer.content_type]["schema"])
            return body

        return asked

    async def test_jobs(self, ask: Any, world: Any) -> None:
        for state in JobStatus:
            job = await ask("post", f"{PREFIX}/run", json=REQUEST)
            if state is JobStatus.COMPLETED:
                await world.complete(UUID(job["job_id"]), RESULT)
            elif state is JobStatus.FAILED:
                await world.fail(UUID(job["job_id"]), "It went wrong")
            for word in ("status", "results"):
                told = await ask("get", f"{PREFIX}/{word}/{job['job_id']}", of=f"{PREFIX}/{word}/{{job_id}}")
                assert told["job_id"] == job["job_id"]
        listed = await ask("get", f"{PREFIX}/list")
        assert len(listed["jobs"]) == len(JobStatus)

    async def test_orders(self, ask: Any, world: Any) -> None:
        job = str(await world.accept())
        told = await ask("post", f"{PREFIX}/cancel/{job}", of=f"{PREFIX}/cancel/{{job_id}}", json={"reason": "late"})
        assert told["status"] == "CANCELLED"
        assert (await ask("post", f"{PREFIX}/cancel/{job}", of=f"{PREFIX}/cancel/{{job_id}}"))["status"] == 409
        again = await ask("post", f"{PREFIX}/retry/{job}", of=f"{PREFIX}/retry/{{job_id}}")
        assert again["retry_of"] == job
        await ask("post", f"{PREFIX}/pause", json={"county_id": "king_wa", "reason": "certified"})
        assert len((await ask("get", f"{PREFIX}/pauses"))["pauses"]) == 1
        assert (await ask("post", f"{PREFIX}/resume", json={"county_id": "king_wa"}))["was_paused"] is True

    async def test_dead_letters(self, ask: Any, world: Any) -> None:
        world.store.dead_letters.keep([letter(1, b"\xff"), letter(2, b'{"a": 1}')])
        listed = await ask("get", f"{PREFIX}/dead-letters")
        assert listed["total"] == 2
        first, second = (str(each["id"]) for each in listed["dead_letters"])
        path = f"{PREFIX}/dead-letters/{{letter_id}}"
        for name in (first, second):
            await ask("get", f"{PREFIX}/dead-letters/{name}", of=path)
        of = f"{path}/replay"
        done = await ask("post", f"{PREFIX}/dead-letters/{first}/replay", of=of, json={"value": REQUEST})
        assert done["job"]["county_id"] == "king_wa"
        told = {"note": "a test", "confirm": 1}
        assert (await ask("post", f"{PREFIX}/dead-letters/discard", json=told))["done"] == 1

    @pytest.mark.parametrize("path", ["types", "counties", "health"])
    async def test_what_there_is(self, ask: Any, path: str) -> None:
        assert await ask("get", f"{PREFIX}/{path}")

    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json", "/asyncapi.json"])
    async def test_for_machines(self, ask: Any, path: str) -> None:
        assert await ask("get", path)

    async def test_problems(self, ask: Any) -> None:
        missing = await ask("get", f"{PREFIX}/status/{uuid4()}", of=f"{PREFIX}/status/{{job_id}}")
        assert missing["status"] == 404
        assert (await ask("get", f"{PREFIX}/list?limit=many", of=f"{PREFIX}/list"))["status"] == 400
        assert (await ask("post", f"{PREFIX}/run", json={"county_id": "king_wa"}))["status"] == 422
