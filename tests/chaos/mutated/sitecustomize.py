"""Found first on the path of a worker under test: takes the guard that ``CHAOS_MUTANT`` names out of its source."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

from chaos.mutants import MUTANTS, Mutant


class _Mutated(SourceFileLoader):
    """Loads a module with one piece of its text exchanged."""

    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> object:
        source = Path(self.path).read_text()
        assert source.count(self._mutant.guard) == 1, f"{fullname} has no longer the guard {self._mutant.guard}"
        return compile(source.replace(self._mutant.guard, self._mutant.instead), self.path, "exec")


class _Finder(MetaPathFinder):
    """Finds that module before anybody else does."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname, path, target=None):
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        spec.loader = _Mutated(fullname, spec.origin, self._mutant)
        return spec


if name := os.environ.get("CHAOS_MUTANT"):
    sys.meta_path.insert(0, _Finder(MUTANTS[name]))
