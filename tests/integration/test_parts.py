"""The operator's commands on real services: what they print, what they exit with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from terrafusion.cli import build
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


def test_schema_and_topics_are_made_once_and_then_all_is_well() -> None:
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
        "broker",
        "topics",
        "object store",
    ]


def test_an_empty_database_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, postgres: Any) -> None:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", postgres.url.rpartition("/")[0] + "/postgres")
    code, found = ran("doctor")
    schema = next(check for check in found["checks"] if check["check"] == "schema")
    assert (code, schema["ok"]) == (1, False)
    assert "terrafusion migrate" in schema["detail"]


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
