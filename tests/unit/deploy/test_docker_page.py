"""docs/docker.md against the files that it tells of: every command, port, volume and secret."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from terrafusion.cli import build
from topics.catalogue import APP_ID, COMMANDS, REQUESTS


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "docker.md").read_text()


@pytest.fixture(scope="module")
def commands(page) -> list[list[str]]:
    """Return the words of every `docker compose` command."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    lines = [line.split(" < ")[0].split(" > ")[0].rpartition("| ")[2] for line in blocks.splitlines()]
    lines = [re.sub(r"^\w+=\$\((.*)\)$", r"\1", line) for line in lines]
    return [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("docker compose ")]


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    section = page.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def ours(words: list[str]) -> list[str] | None:
    """Return what `terrafusion` is given by a command, None where it is not run."""
    if "terrafusion" in words and words[0] == "exec":
        return words[words.index("terrafusion") + 1 :]
    if words[0] == "run" and "--entrypoint" not in words and "migrate" in words:
        return words[words.index("migrate") + 1 :] or ["migrate"]
    return None


def test_every_command_of_ours_exists(commands):
    given = [words for words in map(ours, commands) if words]
    assert len(given) >= 6
    refused = [words for words in given if CliRunner().invoke(build(), [*words, "--help"]).exit_code != 0]
    assert refused == []


def test_every_service_that_a_command_names_exists(commands, compose):
    named = [next((word for word in words[1:] if word in compose["services"]), None) for words in commands]
    asking = [words for words, service in zip(commands, named, strict=True) if service is None]
    assert {words[0] for words in asking} <= {"up", "stop", "down", "build", "--profile"}
    assert len(commands) > 20


def test_the_ports_are_those_of_the_file(page, compose):
    told = {(row[0].split(",")[0], row[2].strip("`")) for row in table(page, "Where it answers")}
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert told == {(first, name) for name, first in re.findall(r"\$\{(\w+):-(\d+)", " ".join(ports))}


def test_the_volumes_are_those_of_the_file(page, compose):
    told = {name for row in table(page, "Where data lie") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == set(compose["volumes"])


def test_the_secrets_are_those_of_the_file(page, compose):
    assert {row[0].strip("`") for row in table(page, "Secrets")} == set(compose["secrets"])


@pytest.mark.parametrize("name", ["docker.md", "backup.md"])
def test_a_restore_sets_back_every_topic_that_is_read_by_the_group(root, name):
    command = re.search(r"--group (.*?)--reset-offsets", (root / "docs" / name).read_text(), re.DOTALL).group(1)
    assert command.split()[0] == APP_ID
    assert set(re.findall(r"--topic (\S+)", command)) == {REQUESTS.name, COMMANDS.name}


def test_the_profiles_and_the_files_exist(page, compose, root):
    profiles = {name for service in compose["services"].values() for name in service.get("profiles", [])}
    assert set(re.findall(r"--profile (\w+)", page)) <= profiles
    files = re.findall(r"\b(?:deploy/[a-z/]+\.\w+|requirements-image\.txt|docker-compose\.yml)", page)
    assert len(set(files)) >= 5
    assert [file for file in files if not (root / file).exists()] == []


def test_the_time_to_drain_is_that_of_the_file(page, compose):
    drain = compose["services"]["worker"]["environment"]["TERRAFUSION_DRAIN_SECONDS"]
    assert f"workers have {drain} s for running jobs" in page
