"""The refusal where a county records nothing of what is asked: it names the types of analysis that do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from terrafusion.analysis.api import Analysis
from terrafusion.errors import InvalidParameters


def unrecorded(column: str, county_id: str) -> InvalidParameters:
    """Return the refusal for a column that a type needs."""
    others = f"types that do without are {types_without(column)}"
    msg = f"{column} is needed, of which {county_id} records nothing; {others}"
    return InvalidParameters(msg, field=column, allowed=others)


def types_without(column: str) -> str:
    """Name the types that answer without a column."""
    return _named(lambda analysis: column not in analysis.needs)


def types_not_asking(parameter: str) -> str:
    """Name the types that have no such parameter."""
    return _named(lambda analysis: parameter not in analysis.parameters.model_fields)


def _named(fits: Callable[[Analysis[Any]], bool]) -> str:
    from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415 - the catalogue holds the types that ask

    return ", ".join(sorted(analysis.name for analysis in load_catalogue() if analysis.needs and fits(analysis)))
