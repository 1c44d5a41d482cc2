"""Every command of README and docs: run by a test, or excused here with the reason; and whatever it is, one that exists."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support.documented import ROOT, Documented, documented
from typer.main import get_command

from terrafusion.cli import build

COMMANDS = list(documented())
JOB = str(UUID(int=7))
README = "tests/acceptance/test_readme.py runs it as it stands"
CLI = "tests/acceptance/test_cli_jobs.py runs it, with jobs of its own"
SHOWN: dict[tuple[str, str], str] = {
    ("README.md", "make demo"): "tests/acceptance/test_demo.py runs what it runs",
    ("README.md", "make test"): "this is it",
    ("README.md", "terrafusion dev"): README,
    ("README.md", ". .terrafusion/env"): README,
    ("README.md", "terrafusion"): README,
    ("README.md", "URL="): README,
    ("README.md", "JOB="): README,
    ("README.md", "NEW="): README,
    ("README.md", "curl"): README,
    ("README.md", "sh deploy/secrets.sh"): "tests/integration/test_compose.py runs it",
    ("README.md", "docker compose"): "no engine here; tests/integration/test_compose.py runs the commands of the file",
    (
        "access.md",
        "terrafusion tokens",
    ): "tests/integration/test_access.py makes tokens",
    ("access.md", "TERRAFUSION_ACCESS=tokens"): "tests/integration/test_access.py starts such a worker",
    ("access.md", "curl"): "tests/unit/web/test_access.py asks the same",
    (
        "access.md",
        "terrafusion audit",
    ): "tests/integration/test_access.py reads the log",
    ("backup.md", "pg_dump"): "tests/integration/test_backup.py runs it",
    ("backup.md", "aws"): "the store's own program; the test copies a folder",
    ("backup.md", "kafka-consumer-groups.sh"): "Kafka's own program; the test reads the requests again",
    ("command-line.md", "job="): CLI,
    ("command-line.md", "terrafusion"): CLI,
    ("docker.md", "docker"): "no engine here; tests/unit/deploy/test_docker_page.py holds each word against the file",
    ("docker.md", "sh deploy/secrets.sh"): "tests/integration/test_compose.py runs it",
    ("docker.md", "old="): "no engine here",
    ("docker.md", "rm"): "no engine here",
    ("docker.md", "echo"): "no engine here",
    ("http.md", "URL="): "tests/unit/web/test_documented_http.py sets it",
    ("http.md", "curl -OJ"): "tests/unit/web/test_downloads.py takes the same files",
    ("http.md", "curl"): "tests/unit/web/test_documented_http.py runs it",
    ("kubernetes.md", "kubectl"): "no cluster here; tests/unit/deploy/test_kubernetes.py holds what is applied",
    ("operations.md", "export"): "it sets a variable; tests/integration/test_secured.py sets the same",
    ("operations.md", "terrafusion migrate"): "tests/integration/test_parts.py runs it",
    ("operations.md", "terrafusion topics"): "tests/integration/test_parts.py runs it",
    ("operations.md", "terrafusion doctor"): "tests/integration/test_parts.py runs it",
    ("operations.md", "terrafusion load"): "tests/integration/test_load_cli.py runs it",
    ("operations.md", "terrafusion purge"): "tests/acceptance/test_purge.py runs it",
    ("operations.md", "terrafusion cancel"): "tests/acceptance/test_commands.py gives the order",
    ("operations.md", "terrafusion retry"): README,
    ("operations.md", "terrafusion pause"): README,
    ("operations.md", "terrafusion resume"): README,
    (
        "operations.md",
        "terrafusion dead-letters",
    ): "tests/acceptance/test_dead_letters.py does the same to letters of its own",
    ("operations.md", "docker compose logs"): "no engine here; tests/integration/test_pool.py reads such a line",
    ("operations.md", "pip install"): "not published; tests/unit/usecases/test_traces.py runs on what it installs",
    ("performance.md", "make"): "minutes of measuring, by hand",
    ("performance.md", ".venv/bin/python"): "minutes of measuring, by hand",
}
"""How each is shown, by page and beginning; the longest beginning counts."""

PLACEHOLDERS = {
    "$JOB": JOB,
    "$job": JOB,
    "$NEW": JOB,
    "JOB": JOB,
    "FILE": str(Path(__file__)),
    "sales.csv": str(Path(__file__)),
    "/mnt/sales.csv": str(Path(__file__)),
    "/tmp/sales.csv": str(Path(__file__)),
    "corrected.json": str(Path(__file__)),
    "ID": "king_wa",
}


def shown(command: Documented) -> tuple[str, str] | None:
    fitting = [key for key in SHOWN if key[0] == command.page and command.line.startswith(key[1])]
    return max(fitting, key=lambda key: len(key[1]), default=None)


def test_every_command_is_run_or_excused() -> None:
    assert len(COMMANDS) > 100
    assert [command for command in COMMANDS if shown(command) is None] == []


def test_nothing_is_excused_that_is_not_there_and_every_test_that_is_named_is() -> None:
    assert SHOWN.keys() - {shown(command) for command in COMMANDS} == set()
    named = {word for reason in SHOWN.values() for word in reason.split() if word.startswith("tests/")}
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.ours], ids=lambda c: f"{c.page}: {c.line[:60]}")
def test_what_terrafusion_is_given_is_what_it_takes(command: Documented) -> None:
    for words in command.ours:
        _read([PLACEHOLDERS.get(word, word) for word in words])


def test_what_it_does_not_take_would_be_seen() -> None:
    for wrong in (["list", "--nix"], ["status"], ["lst"]):
        with pytest.raises(Exception, match=r"No such|Missing"):
            _read(wrong)


@cache
def _command_line() -> Any:
    return get_command(build())


def _read(words: list[str]) -> None:
    command = _command_line()
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"No such command {name}"
        command = command.commands[name]
    command.make_context("terrafusion", words)
