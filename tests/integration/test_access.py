"""Tokens made by command, shown to a worker's own views: put together as it is, on a real Postgres, without its Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from models.county_tables import county_profiles, data_versions
from terrafusion.bootstrap.worker import create_worker, make_guard
from terrafusion.cli import audit, parts, tokens
from terrafusion.embedded.workers import environment
from terrafusion.errors import NotFound, Rejected
from terrafusion.settings import Settings

PREFIX = "/plugins/v1/market-analysis"
REQUEST = {"analysis_type": "trend_analysis", "county_id": "lucas_oh"}
Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=SecretStr(database_url), kafka_bootstrap="127.0.0.1:9", data_dir=tmp_path, access="tokens"
    )


@pytest.fixture
async def client(settings: Settings, engine: AsyncEngine) -> AsyncIterator[TestClient[Any, Any]]:
    async with engine.begin() as connection:
        for county in ("king_wa", "lucas_oh"):
            version = {"data_version": "v1", "snapshot_uri": "file:///nowhere", "sales": 1, "current": True}
            await connection.execute(insert(county_profiles).values(county_id=county, profile={}))
            await connection.execute(insert(data_versions).values(county_id=county, profile={}, **version))
    worker = create_worker(settings, make_guard(settings))
    async with TestClient(TestServer(await worker.app.web.wsgi())) as made:
        yield made
    for own in worker.engines:
        await own.dispose()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command beside the loop, where it has one of its own; its document."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    app = typer.Typer()
    for commands in (tokens, audit, parts):
        commands.add(app)

    async def ran(*words: str, **more: str) -> Any:
        for name, value in more.items():
            monkeypatch.setenv(f"TERRAFUSION_{name.upper()}", value)
        result = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--json"])
        if result.exception and result.exit_code:
            raise result.exception
        return orjson.loads(result.stdout)

    return ran


async def test_from_the_command_that_makes_a_token_to_the_one_that_ends_it(
    client: TestClient[Any, Any], run: Run, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    made = await run("tokens", "create", "--name", "roll desk", "--role", "analyst", "--county", "lucas_oh")
    boss = await run("tokens", "create", "--name", "boss", "--role", "operator", "--expires", "1")
    shown, boss_shown = ({"Authorization": f"Bearer {each['token']}"} for each in (made, boss))

    async with client.post(f"{PREFIX}/run", json=REQUEST, headers=shown | {"X-Requested-By": "the mayor"}) as answer:
        job = await answer.json()
        assert (answer.status, job["requested_by"]) == (202, "roll desk")
    async with client.post(f"{PREFIX}/run", json=REQUEST | {"county_id": "king_wa"}, headers=shown) as answer:
        assert (answer.status, (await answer.json())["allowed"]) == (422, "lucas_oh")
    async with client.post(f"{PREFIX}/run", json=REQUEST | {"county_id": "king_wa"}, headers=boss_shown) as answer:
        hidden = (await answer.json())["job_id"]
    for verb in ("cancel", "retry"):
        async with client.post(f"{PREFIX}/{verb}/{hidden}", headers=shown) as answer:
            assert answer.status == 404
    async with client.get(f"{PREFIX}/list", headers=shown) as answer:
        assert [each["job_id"] for each in (await answer.json())["jobs"]] == [job["job_id"]]
    async with client.post(f"{PREFIX}/cancel/{job['job_id']}", headers=shown) as answer:
        assert (await answer.json())["message"] == "Cancelled by roll desk"

    browser = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    async with client.post("/login", data={"token": made["token"]}, headers=browser, allow_redirects=False) as answer:
        assert answer.status == 303
    async with client.get("/", headers=browser) as answer:
        page = await answer.text()
        assert "roll desk, analyst of lucas_oh" in page
        assert "king_wa" not in page

    told = [{**each, "token": None} for each in (made, boss)]
    assert [{**each, "token": None} for each in (await run("tokens", "list"))["tokens"]] == told
    assert (await run("tokens", "revoke", str(made["id"])))["revoked_at"]
    await until_refused(client, shown, browser)
    with pytest.raises(NotFound):
        await run("tokens", "revoke", "999")

    port = str(client.port)
    entries = (await run("audit", http_port=port, token=boss["token"]))["entries"]
    assert [(entry["action"], entry["outcome"], entry["who"]) for entry in entries if entry["who"] == "roll desk"] == [
        ("login", "done", "roll desk"),
        ("cancel", "done", "roll desk"),
        ("retry", "not found", "roll desk"),
        ("cancel", "not found", "roll desk"),
        ("run", "unprocessable entity", "roll desk"),
        ("run", "done", "roll desk"),
    ]
    assert [entry["action"] for entry in entries if entry["action"].endswith("token")] == [
        "revoke token",
        "create token",
        "create token",
    ]
    with pytest.raises(Rejected, match="TERRAFUSION_TOKEN"):
        await run("audit", token=made["token"])
    assert (await run("config", "show"))["token"] == "**********"
    assert [each["token"] for each in (made, boss) if each["token"] in caplog.text + str(entries)] == []


async def until_refused(client: TestClient[Any, Any], shown: Any, browser: Any) -> None:
    """Wait until the worker has heard that the token is revoked, and its session with it."""
    async with asyncio.timeout(20):
        for headers, refused in ((shown, 401), (browser, 303)):
            while True:
                async with client.get("/", headers=headers, allow_redirects=False) as answer:
                    if answer.status == refused:
                        break
                await asyncio.sleep(0.2)
