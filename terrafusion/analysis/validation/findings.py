"""What a reader is told first: one true sentence, the counts behind it, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.arrays import Flags
from terrafusion.analysis.cells import critical_value
from terrafusion.analysis.findings import counted, nothing_selected
from terrafusion.analysis.groups import numbered
from terrafusion.analysis.proportions import wilson
from terrafusion.analysis.validation.overrides import PROFILE, REQUEST
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reasons import BY_STATISTICS, CHECKS, CODES, OVERRIDDEN, REASONS
from terrafusion.analysis.validation.statistics import years_of
from terrafusion.analysis.validation.windows import ROUNDING


@dataclass(frozen=True, slots=True)
class Told:
    """All that the sentence, the counts and the warnings are made from."""

    county_id: str
    parameters: ValidationParameters
    rows: pl.DataFrame
    reasons: Mapping[str, int]
    """How many of the sales have each reason, be it told beside them or not."""
    first: Mapping[str, int]
    """Of how many of those that are not arm's length each is the first."""
    not_run: Mapping[str, str]
    year_only: int

    @property
    def invalid(self) -> int:
        """How many sales are not arm's length."""
        return self.rows.height - int(self.rows["valid"].sum())

    @property
    def by_statistics(self) -> bool:
        """Whether prices are judged by their groups at all."""
        return not {"price", "unit_price"} <= self.not_run.keys()

    @property
    def judged(self) -> int:
        """How many sales are judged by statistics."""
        return self.rows["group_judged"].count() if self.by_statistics else 0

    @property
    def in_small_groups(self) -> int:
        """How many sales have a group, but one too small for statistics."""
        small = self.rows["own_group"].is_not_null() & self.rows["group_judged"].is_null()
        return int(small.sum()) if self.by_statistics else 0


def key_finding(told: Told) -> str:
    """Say how many sales the rules flag, on what evidence, and for which reasons most of them."""
    n = told.rows.height
    if not n:
        return nothing_selected(told.county_id, "sales with a date and a price")
    sales = counted(n, "sale")
    if not told.invalid:
        return f"In {told.county_id} these rules find nothing that decides against any of {sales}{_small(told)}."
    flagged = f"{told.invalid:,} of {sales} ({told.invalid / n:.1%}) {'are' if told.invalid > 1 else 'is'}"
    return f"In {told.county_id} {flagged} flagged by these rules: {_evidence(told)}{_most(told)}{_small(told)}."


def _evidence(told: Told) -> str:
    """Say of how many sales something recorded decides, and of how many their price alone."""
    by_price = sum(count for code, count in told.first.items() if code in BY_STATISTICS)
    return f"{told.invalid - by_price:,} by what is recorded, {by_price:,} by price alone"


def _small(told: Told) -> str:
    small = told.in_small_groups
    if not small:
        return ""
    lies, was = ("1 lies in a group", "was") if small == 1 else (f"{small:,} lie in groups", "were")
    return f"; {lies} below {told.parameters.min_group} and {was} not judged by statistics"


def _most(told: Told) -> str:
    named = sorted(told.first, key=lambda code: (-told.first[code], CODES.index(code)))[:3]
    return f", first for {', '.join(f'{code} ({told.first[code]:,})' for code in named)}" if named else ""


def first_reasons(rows: pl.DataFrame) -> dict[str, int]:
    """Count the sales that are not arm's length by their first reason; the counts add up to them."""
    reasons = rows["reason_codes"].filter(~rows["valid"])
    counted = dict(reasons.list.first().value_counts().iter_rows())
    return {code: counted[code] for code in CODES if code in counted}


def _by_reason(told: Told) -> Iterator[dict[str, Any]]:
    """Tell the same in rows: the reasons that some sale has."""
    for reason in REASONS:
        if sales := told.reasons.get(reason.code):
            yield {
                "reason": reason.code,
                "check": reason.check,
                "sales": sales,
                "told_first": told.first.get(reason.code, 0),
            }


def counts(told: Told) -> dict[str, Any]:
    """Return the headline numbers."""
    rows, n = told.rows, told.rows.height
    source = rows["override_source"]
    changed = int((rows["valid"] != rows["valid_by_rules"]).sum())
    low, high = interval_of_share(told.invalid, n, told.parameters.confidence_level)
    return {
        "valid_sales": n - told.invalid,
        "invalid_sales": told.invalid,
        "invalid_share": told.invalid / n if n else None,
        "invalid_share_ci_low": low,
        "invalid_share_ci_high": high,
        "reasons": dict(told.reasons),
        "first_reasons": dict(told.first),
        "by_reason": list(_by_reason(told)),
        "judged_by_statistics": told.judged,
        "below_min_group": told.in_small_groups,
        "groups": _distinct(rows["own_group"]),
        "overrides": {
            REQUEST: int((source == REQUEST).sum()),
            PROFILE: int((source == PROFILE).sum()),
            "changed": changed,
        },
    }


def _distinct(names: pl.Series) -> int:
    """Count the different names. As a query, for it keeps none of them for each sale."""
    return pl.LazyFrame([names]).unique().collect().to_series().count()


def interval_of_share(hits: int, n: int, confidence_level: float) -> tuple[float | None, float | None]:
    """Return Wilson's interval (1927) of a share; none without cases."""
    low, high = wilson(hits, n, critical_value(confidence_level))
    return (float(low), float(high)) if n else (None, None)


def cross_check(told: Told) -> dict[str, Any]:
    """Compare the share of prices beyond the bounds with that of a normal distribution."""
    parameters = told.parameters
    normal = NormalDist()
    expected = normal.cdf(-parameters.sd_low) + normal.cdf(-parameters.sd_high)
    found: dict[str, Any] = {"what": "share of log prices beyond the bounds, beside that of a normal distribution"}
    for name, column in (("price", "z_price"), ("unit_price", "z_unit_price")):
        z = told.rows[column].drop_nulls().to_numpy()
        beyond = int(np.sum((z > parameters.sd_high + ROUNDING) | (z < -parameters.sd_low - ROUNDING)))
        low, high = interval_of_share(beyond, len(z), parameters.confidence_level)
        found |= {
            f"{name}_n": len(z),
            f"{name}_beyond_share": beyond / len(z) if len(z) else None,
            f"{name}_beyond_ci_low": low,
            f"{name}_beyond_ci_high": high,
        }
    return found | {"normal_share": expected}


def cautions(told: Told) -> Iterator[Caution]:
    """Tell what was not checked, and what the records make doubtful."""
    lacking = {check: why for check, why in told.not_run.items() if check in (told.parameters.checks or CHECKS)}
    if lacking:
        named = "; ".join(f"{check} ({why})" for check, why in lacking.items())
        yield Caution("checks_not_run", f"Of the checks these were not run: {named}")
    if told.in_small_groups:
        message = (
            f"{told.in_small_groups:,} sales lie in groups of fewer than {told.parameters.min_group} in their window"
        )
        yield Caution("groups_too_small", f"{message}; their prices were not judged by statistics")
    yield from _blind(told.parameters)
    missing = told.rows["own_group"].null_count()
    if missing:
        yield Caution("without_group", f"{missing:,} sales lack a value of group_by and belong to no group")
    twice = _repeated(told.rows["sale_id"])
    if twice:
        yield Caution("sale_id_repeated", f"{twice:,} sales have the sale_id of another; an override meets them all")
    if told.year_only:
        years = years_of(told.parameters.rolling_months)
        message = (
            f"Of {told.year_only:,} of {told.rows.height:,} sales only the year is known and no hold is told: they are "
            f"judged in windows of {years} whole year{'s' if years > 1 else ''}, and those of the others rest on none of them"
        )
        yield Caution("year_only", message)


def _repeated(names: pl.Series) -> int:
    """Count the values that stand there a second time; where no two have one hash, there are none."""
    ordered = np.sort(numbered(names))
    return len(names) - names.n_unique() if (ordered[1:] == ordered[:-1]).any() else 0


def _blind(parameters: ValidationParameters) -> Iterator[Caution]:
    """Tell of bounds that no sale of a small group can pass: of n values none has a z above (n - 1) / sqrt(n)."""
    n, sample = parameters.min_group, parameters.standard_deviation == "sample"
    largest = (n - 1) / (n if sample else n - 1) ** 0.5
    if largest <= max(parameters.sd_low, parameters.sd_high):
        message = f"In a group of {n} no price can lie more than {largest:.2f} sd from a mean that it is part of"
        yield Caution(
            "bounds_out_of_reach",
            f"{message}, so that bounds of {parameters.sd_low:g} and {parameters.sd_high:g} sd cannot flag it; raise min_group",
        )


def tally(found: Mapping[str, Flags], asked: Flags) -> dict[str, int]:
    """Count the sales asked for that have each reason, in the order of the rules; reasons of no sale are left out."""
    counted = {code: int(np.sum(found[code] & asked)) for code in CODES if code in found}
    return {code: count for code, count in counted.items() if count or code != OVERRIDDEN}
