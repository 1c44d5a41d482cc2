"""The operator's commands on real services: what they print, what they exit with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from models.pauses import Scope
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.cli import build
from terrafusion.cli.finding import Finding, lines
from terrafusion.embedded.processes import free_port
from terrafusion.errors import Misconfigured, TerraFusionError, Unavailable


@pytest.fixture(autouse=True)
def _services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres: Any, kafka: Any) -> Iterator[None]:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", postgres.url)
    monkeypatch.setenv("TERRAFUSION_KAFKA_BOOTSTRAP", kafka.bootstrap)
    monkeypatch.setenv("TERRAFUSION_DATA_DIR", str(tmp_path))
    return


def ran(*words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(build(), [*words, "--json"])
    if isinstance(result.exception, TerraFusionError):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def test_schema_and_topics_are_made_once_and_then_all_is_well(tmp_path: Path) -> None:
    assert ran("migrate") == ran("migrate")
    assert ran("topics", "create")[0] == 0
    assert ran("topics", "create") == (0, {"created": []})
    assert ran("topics", "check") == (0, {"differences": []})
    code, found = ran("doctor")
    assert code == 0
    assert [check["check"] for check in found["checks"]] == [
        "database",
        "schema",
        "clock",
        "dead letters",
        "paused",
        "queue",
        "running",
        "broker",
        "topics",
        "object store",
        "worker",
        "group",
        "disk",
        "open files",
        "access",
        "topic access",
    ]
    told = {check["check"]: check for check in found["checks"]}
    assert told["dead letters"]["detail"] == "0 open"
    assert told["worker"]["advice"]  # none runs here, and that is no fault
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # the probe is deleted


async def test_what_waits_for_a_person_is_told(
    postgres: Any, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", database_url)
    engine = make_engine(make_url(database_url), connections=1)
    await PostgresPauses(engine).pause(Scope.COUNTY, "king_wa", reason=None, requested_by=None)
    await engine.dispose()
    _, found = await asyncio.to_thread(ran, "doctor")
    told = {check["check"]: check for check in found["checks"]}
    assert (told["paused"]["ok"], told["paused"]["detail"]) == (True, "county king_wa")
    assert "terrafusion resume" in told["paused"]["advice"]


def test_a_store_that_cannot_be_written_is_exit_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TERRAFUSION_RESULTS_URL", (tmp_path / "file" / "results").as_uri())
    code, found = ran("doctor")
    (store,) = (check for check in found["checks"] if check["check"] == "object store")
    assert (code, store["ok"]) == (3, False)
    assert "TERRAFUSION_RESULTS_URL" in store["advice"]


def test_findings_are_lines_for_a_person() -> None:
    note = Finding("worker", ok=True, detail="nobody", advice="Start one.")
    assert list(lines(note)) == ["note  worker        nobody", " " * 20 + "Start one."]
    assert list(lines(Finding("disk", ok=True, detail="9 GB"))) == ["ok    disk          9 GB"]
    assert next(lines(Finding("schema", ok=False, detail="at 1"))) == "WRONG schema        at 1"


def test_an_empty_database_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, postgres: Any) -> None:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", postgres.url.rpartition("/")[0] + "/postgres")
    code, found = ran("doctor")
    schema = next(check for check in found["checks"] if check["check"] == "schema")
    assert (code, schema["ok"]) == (1, False)
    assert "terrafusion migrate" in schema["advice"]


def test_services_that_are_away_are_exit_3_and_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", f"postgresql+asyncpg://u:secret@127.0.0.1:{free_port()}/x")
    monkeypatch.setenv("TERRAFUSION_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    code, found = ran("doctor")
    assert code == 3
    assert [check["check"] for check in found["checks"] if not check["ok"]] == ["database", "broker"]
    assert "secret" not in json.dumps(found)
    for command in (["migrate"], ["topics", "create"], ["topics", "check"]):
        with pytest.raises(Unavailable):
            ran(*command)


@pytest.mark.parametrize("command", ["migrate", "worker"])
def test_what_is_not_set_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.delenv("TERRAFUSION_DATABASE_URL")
    result = CliRunner().invoke(build(), [command])
    assert isinstance(result.exception, Misconfigured)
