"""Workers of the version before: its text as it was, run by today's libraries."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from support.rig import ROOT, TestedWorker

from terrafusion.settings import Settings

ARCHIVE = ROOT / "tests/data/before/schema-0003.tar.xz"
"""What `git archive 927b880f` gives of the packages and migrations, without samples and embedded servers."""
SCHEMA = "0003"
"""The newest schema that it knows."""


def unpacked(folder: Path) -> Path:
    """Return where its packages are."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


class WorkerBefore(TestedWorker):
    """One of them."""

    __test__ = False

    def __init__(self, folder: Path, settings: Settings, *, text: Path) -> None:
        super().__init__(folder, settings, port=0)
        self._text = text

    def _environment(self) -> Mapping[str, str]:
        path = os.pathsep.join(map(str, [self._text, ROOT, ROOT / "tests"]))
        return {**super()._environment(), "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
