"""A sale validation's records: the sales to judge, those that are only context, and the checks that they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution, Records
from terrafusion.analysis.cells import unit_price
from terrafusion.analysis.facts import SHARED_NAME
from terrafusion.analysis.frames import SALES_ORDER, is_sorted
from terrafusion.analysis.groups import columns_of, label_of
from terrafusion.analysis.parameters import SaleFilter
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.reading import collected, refuse_fine_groups
from terrafusion.analysis.same_party import same_party
from terrafusion.analysis.selection import Account, select, unmapped_codes
from terrafusion.analysis.validation.history import History, history
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reasons import CHECKS, Check, alternatives
from terrafusion.analysis.validation.statistics import levels_of
from terrafusion.errors import InvalidParameters

_COLUMNS: Final = frozenset({"sale_id", "parcel_number", "building_size_sqft", "zip_code", "year_only"})
_ALL: Final = SaleFilter(arms_length_only=False, min_price=0)
"""The filter that leaves every sale with a date and a price in: they are to be judged."""

_JUDGED: Final = frozenset({*SALES_ORDER, "sale_price", "unit_price", "year_only", "group", *History._fields})
"""What prices are judged by, and told beside them."""

NOT_ASKED: Final = "not asked for"


@dataclass(frozen=True, slots=True)
class Judged:
    """The sales that windows rest on, in order, and which of them the request asks to judge."""

    sales: pl.DataFrame
    account: Account
    """Of the sales asked for."""
    dates: tuple[date, date]
    """The first and the last day asked for; sales of others are context alone."""
    not_run: Mapping[str, str]
    """Checks that the data do not allow, or the request does not want, and why."""

    warnings: Sequence[Caution] = ()

    @property
    def checks(self) -> frozenset[str]:
        """The checks that are run."""
        return frozenset(CHECKS) - frozenset(self.not_run)

    @property
    def past(self) -> History:
        """What the parcels' earlier sales tell, whether or not these are among the sales."""
        return History(*(self.sales[name].to_numpy() for name in History._fields))

    @property
    def asked(self) -> pl.Series:
        """Whether each sale is one to judge."""
        return self.sales["sale_date"].is_between(*self.dates)

    def bare(self, parameters: ValidationParameters) -> Judged:
        """Return the same without what only deeds and parties are read for, which is more than all else."""
        areas = {name for level in levels_of(parameters) for name in columns_of(level)}
        return replace(self, sales=self.sales.select(sorted(areas | _JUDGED)))


def read(records: Records, parameters: ValidationParameters) -> Judged:
    """Read the sales; raises InvalidParameters where the records cannot serve the request."""
    every = parameters.model_copy(update={"sale_filter": _ALL})
    wanted = {name for check in CHECKS for columns in alternatives(check) for name in columns}
    sales = collected(records, every, _COLUMNS | wanted | {SHARED_NAME})
    refuse_fine_groups(sales, parameters)
    not_run = dict(_not_run(sales, parameters, records.profile))
    _refuse(records.county_id, parameters, not_run)
    same, warned = same_party(sales.drop_in_place(SHARED_NAME))
    sales = sales.drop(_idle(parameters, not_run))
    sales = _ordered(sales.with_columns(same.alias("same_party")))
    past = zip(History._fields, history(sales), strict=True)
    sales = sales.with_columns(label_of(parameters.group_by).alias("group"), *(pl.Series(*told) for told in past))
    sales = sales.with_columns(unit_price().alias("unit_price"))
    profile = records.profile.model_copy(update={"sale_overrides": {}})
    around = every.model_copy(update=_around(parameters))
    held = select(sales, around, profile, groups=())
    selection = held if around == every else select(sales, every, profile, groups=(), within=held)
    warnings = [] if "codes" in not_run else list(_unmapped(selection.used, profile))
    warnings += [] if "same_party" in not_run else warned
    dates = parameters.start_date or date.min, parameters.end_date or date.max
    return Judged(held.used, selection.account(), dates, not_run, warnings)


def _ordered(sales: pl.DataFrame) -> pl.DataFrame:
    """Sort sales, by all else where ids are repeated; to copy what stands in order would be twice the file."""
    rest = sorted(set(sales.columns) - {*SALES_ORDER, "same_party"})
    return sales if is_sorted(sales, SALES_ORDER) else sales.sort(*SALES_ORDER, *rest)


def _unmapped(sales: pl.DataFrame, profile: CountyProfile) -> Iterator[Caution]:
    for column, codes in (("validity_code", profile.validity_codes), ("deed_type", profile.deed_types)):
        if codes:
            yield from unmapped_codes(sales[column], codes)


def _around(parameters: ValidationParameters) -> dict[str, date | None]:
    """Return the first and the last day of the years that windows reach into: they are whole, whatever dates are asked for."""
    first, last = parameters.start_date, parameters.end_date
    return {
        "start_date": first and date(max(first.year - (parameters.rolling_months + 10) // 12, 1), 1, 1),
        "end_date": last and date(last.year, 12, 31),
    }


def _not_run(
    sales: pl.DataFrame, parameters: ValidationParameters, profile: CountyProfile
) -> Iterator[tuple[str, str]]:
    known = {name for name in sales.columns if sales[name].null_count() < sales.height}
    mapped = {"validity_code": profile.validity_codes, "deed_type": profile.deed_types}
    for check in CHECKS:
        why = _lacking(check, known) if sales.height else None
        if check in {"codes", "same_party"} and not parameters.sale_filter.arms_length_only:
            yield check, "arms_length_only is false"
        elif why is not None:
            yield check, why
        elif check == "codes" and not any(codes and name in known for name, codes in mapped.items()):
            yield check, "the county profile maps no code"
        elif parameters.checks is not None and check not in parameters.checks:
            yield check, NOT_ASKED


def _idle(parameters: ValidationParameters, not_run: Mapping[str, str]) -> set[str]:
    """Name the columns that no check needs after all: those of a million sales are worth not carrying."""
    idle = {name for check in CHECKS if check in not_run for columns in alternatives(check) for name in columns}
    needed = {name for check in CHECKS if check not in not_run for columns in alternatives(check) for name in columns}
    if parameters.sale_filter.exclude_codes:
        needed |= {"validity_code", "deed_type"}
    return idle - needed - _COLUMNS - set(parameters.group_by)


def _lacking(check: Check, known: set[str]) -> str | None:
    choices = alternatives(check)
    if any(known.issuperset(columns) for columns in choices):
        return None
    return f"nothing is recorded of {' or '.join(' and '.join(columns) for columns in choices)}"


def _refuse(county_id: str, parameters: ValidationParameters, not_run: Mapping[str, str]) -> None:
    """Raise InvalidParameters where a check that was asked for by name cannot be run."""
    lost = [check for check in parameters.checks or () if check in not_run]
    if lost:
        allowed = ", ".join(check for check in CHECKS if not_run.get(check, NOT_ASKED) == NOT_ASKED)
        msg = f"checks holds {lost[0]!r}, which {county_id} does not allow: {not_run[lost[0]]}; allowed are {allowed}"
        raise InvalidParameters(msg, field="checks", value=lost[0], allowed=allowed)
