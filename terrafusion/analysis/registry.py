"""The catalogue of analyses: built in, named by a setting, or offered by installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from terrafusion.analysis import types
from terrafusion.analysis.api import Analysis
from terrafusion.errors import InvalidParameters, Misconfigured, UnknownAnalysisType
from terrafusion.validation_messages import nearest, rejection

ENTRY_POINTS: Final = "terrafusion.analyses"


class Catalogue:
    """Every analysis there is, by name and alias."""

    def __init__(self, analyses: Iterable[Analysis[Any]]) -> None:
        self._entries: dict[str, Analysis[Any]] = {}
        self._by_name: dict[str, Analysis[Any]] = {}
        for analysis in analyses:
            self._add(analysis)

    def _add(self, analysis: Analysis[Any]) -> None:
        self._entries[analysis.name] = analysis
        for name in (analysis.name, *analysis.aliases):
            if name in self._by_name:
                msg = f"Two analyses are named {name}"
                raise Misconfigured(msg)
            self._by_name[name] = analysis

    def __iter__(self) -> Iterator[Analysis[Any]]:
        return iter(self._entries.values())

    @property
    def names(self) -> frozenset[str]:
        """Every name a request may use, aliases included."""
        return frozenset(self._by_name)

    def get(self, name: str) -> Analysis[Any]:
        """Return an analysis by name or alias; raises UnknownAnalysisType."""
        if name not in self._by_name:
            allowed = ", ".join(sorted(self._by_name))
            msg = f"analysis_type is {name!r}; known are {allowed}{nearest(name, self._by_name)}"
            raise UnknownAnalysisType(msg, field="analysis_type", value=name, allowed=allowed)
        return self._by_name[name]

    def check(self, name: str, parameters: Mapping[str, Any]) -> BaseModel:
        """Return the parameters as the analysis' own model; raises UnknownAnalysisType, InvalidParameters."""
        model = self.get(name).parameters
        try:
            checked: BaseModel = model.model_validate(parameters)
        except ValidationError as error:
            raise rejection(error, InvalidParameters, model) from error
        return checked


def load_catalogue(modules: Sequence[str] = ()) -> Catalogue:
    """Collect ``ANALYSES`` of the built-in files, of ``modules`` and of installed packages' entry points."""
    built_in = [import_module(f"{types.__name__}.{found.name}") for found in iter_modules(types.__path__)]
    named = [_named(name) for name in modules]
    offered = [entry.load() for entry in entry_points(group=ENTRY_POINTS)]
    return Catalogue(analysis for module in (*built_in, *named, *offered) for analysis in module.ANALYSES)


def _named(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"TERRAFUSION_ANALYSIS_MODULES names {name}, which cannot be imported: {error}"
        raise Misconfigured(msg) from error
