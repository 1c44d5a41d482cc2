"""What an analysis is: its name, its parameters, its function. A new one is one file that registers one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

P = TypeVar("P", bound=BaseModel)

Progress = Callable[[float, str], None]
"""Told the fraction done (0 to 1) and what is being done. Cheap; call it as often as there is news."""


class CountyProfile(BaseModel):
    """How a county writes its records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validity_codes: dict[str, bool] = Field(default_factory=dict, description="validity code to: is it arm's length")
    deed_types: dict[str, bool] = Field(default_factory=dict, description="deed type to: is it arm's length")
    assessment_level: float = Field(1.0, gt=0, le=1, description="the fraction of market value assessed")
    roll_year: int | None = Field(None, description="the year of the assessment roll")


@dataclass(frozen=True, slots=True)
class Records:
    """One county's records as one data version holds them."""

    county_id: str
    data_version: str
    sales: pl.LazyFrame
    """Columns of `terrafusion.analysis.frames.SALES_SCHEMA`."""
    profile: CountyProfile = field(default_factory=CountyProfile)


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader of the answer must know: a stable code and one sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an analysis found. ``table`` is what the Parquet file holds; None where there is nothing to list."""

    summary: Mapping[str, Any]
    data_quality: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[Caution] = ()
    trends: pl.DataFrame | None = None
    rows: pl.DataFrame | None = None
    table: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Analysis(Generic[P]):
    """One entry of the catalogue."""

    name: str
    question: str
    """A sentence that tells what it answers."""
    parameters: type[P]
    compute: Callable[[Records, P, Progress], Answer]
    needs: Sequence[str] = ()
    """Columns without which it cannot answer."""
    aliases: Sequence[str] = ()
