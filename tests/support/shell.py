"""The command `terrafusion`, as scripts use it: forked where it is imported already, or as a process from its beginning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from support.nursery import Nursery
from support.rig import ANALYSES, ROOT, Rig
from support.waiting import until


def services(rig: Rig) -> Mapping[str, str]:
    """Say where a system is, as `dev` does."""
    return {
        "TERRAFUSION_KAFKA_BOOTSTRAP": rig.bootstrap,
        "TERRAFUSION_HTTP_PORT": rig.web.url.rpartition(":")[2],
        "TERRAFUSION_ANALYSIS_MODULES": ANALYSES,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }


class Shell:
    """The command, in an environment."""

    def __init__(self, nursery: Nursery, folder: Path, told: Mapping[str, str]) -> None:
        self._nursery = nursery
        self._folder = folder
        self._told = told

    def start(self, *words: str, told: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a process from its beginning."""
        return subprocess.Popen(
            [sys.executable, "-m", "terrafusion", *words],
            env={**os.environ, **self._told, **(told or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wholly(self, *words: str, code: int = 0) -> tuple[str, str]:
        """Run a command from its process's beginning to its end and return what it wrote."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        return out, err

    def run(self, *words: str, code: int = 0, told: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Run a command without its imports, which take longer than most commands, and return what it wrote."""
        folder = Path(mkdtemp(dir=self._folder))
        place = {"environment": {**self._told, **(told or {})}, "log": folder / "err"}
        self._nursery.fork("support.errands:command", words, str(folder / "out"), str(folder / "code"), **place)
        until((folder / "code").exists, what=f"{words} ends", within=120)
        out, err = ((folder / name).read_text() for name in ("out", "err"))
        assert (folder / "code").read_text() == str(code), err
        return out, err

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command and return its one document."""
        return json.loads(self.run(*words, "--json", code=code)[0])
