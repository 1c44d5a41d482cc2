"""Which sales an analysis uses. Each sale that it does not use has one reason code: used + excluded = read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from terrafusion.analysis.api import Caution
from terrafusion.analysis.facts import DEEDS, SHARED_NAME, whether_known
from terrafusion.analysis.findings import counted
from terrafusion.analysis.frames import column_by_column
from terrafusion.analysis.outliers import flag_outliers
from terrafusion.analysis.parameters import SaleFilter, SharedParameters
from terrafusion.analysis.periods import PAUSE_DAYS, strays
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.same_party import same_party
from terrafusion.analysis.unmatched import FILTERS, unmatched

_PRICE: Final = pl.col("sale_price")
_OUTLIER: Final = "outlier"
_OVERRIDE: Final = "override"
_KEPT: Final = "kept by override"
_CENT: Final = 0.01
_HIGHEST: Final = 1e12
"""Less than the one or more than the other is no amount of dollars but a slip of the pen."""

_EARLY: Final = "before_a_long_pause"
_LATE: Final = "after_a_long_pause"

_Reasons = Sequence[tuple[str, pl.Expr]]
Strays = tuple[date | None, date | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """The sales used, how many were read, how many were excluded for which reason."""

    used: pl.DataFrame
    """Where names and codes decided, their columns say only whether they are known: true or null."""
    recorded: pl.Series
    """The days of all the sales read."""
    read: int
    excluded: Mapping[str, int]
    warnings: Sequence[Caution]
    kept: int = 0
    """How many of those used stand against their codes or names, because a person said so."""
    strays: Strays = (None, None)
    """Before and from what day on sales come long before or after all others."""

    def account(self) -> Account:
        """Tell of the sales what is asked when they are no longer at hand."""
        used = self.used
        nulls = {name: used[name].null_count() for name in sorted(used.columns) if used[name].null_count()}
        return Account(
            self.read, used.height, self.excluded, self.kept, nulls, int(used["year_only"].sum()), self.warnings
        )


@dataclass(frozen=True, slots=True)
class Account:
    """How many sales were read, used, excluded for which reason, and kept because a person said so."""

    read: int
    used: int
    excluded: Mapping[str, int]
    kept: int
    nulls: Mapping[str, int]
    """Of the sales used, how many lack the value of a column, where any does."""
    year_only: int
    """Of how many of those used only the year is known."""
    warnings: Sequence[Caution]

    def known(self, column: str) -> int:
        """Return how many of the sales used have the value of a column."""
        return self.used - self.nulls.get(column, 0)


def needed_columns(parameters: SharedParameters) -> frozenset[str]:
    """Name the columns that the selection itself reads; of `DEEDS` but `codes_read` it asks only whether they are known."""
    rules = parameters.sale_filter
    codes = rules.arms_length_only or rules.exclude_codes
    wanted = {
        "sale_date": True,
        "sale_price": True,
        "zip_code": parameters.zip_codes is not None,
        "neighborhood": parameters.neighborhoods is not None,
        "property_type": parameters.property_types is not None,
        "validity_code": bool(codes),
        "deed_type": bool(codes),
        "buyer": rules.arms_length_only,
        "seller": rules.arms_length_only,
        SHARED_NAME: rules.arms_length_only,
        "parcels_in_deed": rules.exclude_multi_parcel,
        "parcel_number": rules.min_hold_days is not None,
        "year_only": rules.min_hold_days is not None,
    }
    return frozenset(name for name, needed in wanted.items() if needed)


def is_amount(dollars: pl.Expr) -> pl.Expr:
    """Say whether a price or a value is told; never null."""
    return dollars.is_between(_CENT, _HIGHEST).fill_null(value=False)


def codes_read(parameters: SharedParameters, profile: CountyProfile) -> frozenset[str]:
    """Name the columns of codes that a selection compares with those it refuses."""
    mapped = {"validity_code": profile.validity_codes, "deed_type": profile.deed_types}
    return frozenset(name for name, codes in mapped.items() if codes or parameters.sale_filter.exclude_codes)


def select(
    sales: pl.DataFrame,
    parameters: SharedParameters,
    profile: CountyProfile,
    *,
    groups: Sequence[str],
    within: Selection | None = None,
    across_pauses: bool = False,
) -> Selection:
    """Apply the filters in their order; the first that a sale fails gives its reason.

    ``sales`` has `needed_columns`, ``sale_id`` where the profile overrides, and ``group`` made of the columns
    ``groups``. It is as large as the file: a caller that does not hold it spares its memory. Which sales come long
    before or after all others is judged among those selected, or is what it was ``within`` a wider selection; they are
    used ``across_pauses``, which is for answers that lay out no span of time (`docs/adr/0019-long-pauses.md`).
    """
    rules = parameters.sale_filter
    cautions: list[Caution] = []
    if rules.min_hold_days is not None:
        sales = _with_days_held(sales)
    if rules.arms_length_only and profile.sale_overrides:
        sales = _with_overrides(sales, profile, cautions)
    reasons = [*_wanted(parameters), *_missing(groups), *_evidence(sales, rules, profile, cautions)]
    spent = [name for name in DEEDS if name in needed_columns(parameters) and name not in groups]
    sales = sales.with_columns(_first(reasons).alias("reason"), *map(whether_known, spent))
    sales = sales.drop(SHARED_NAME, strict=False)
    excluded = {reasons[code][0]: count for code, count in _counts(sales["reason"]).items()}
    recorded, read = sales["sale_date"], sales.height
    passed = sales.drop_in_place("reason").is_null()
    if not passed.any():
        cautions += unmatched(sales, parameters)
    used = column_by_column(sales, lambda column: column.filter(passed))
    beyond = _strays(used, parameters) if within is None else within.strays
    if any(beyond):
        apart = _apart(used["sale_date"], *beyond)
        cautions += _of_pauses(apart, used.height, across_pauses=across_pauses)
        if not across_pauses:
            used = within_pauses(used, beyond)
            excluded |= {code: len(days) for code, days in apart.items()}
    if rules.outlier_method != "none":
        flagged, warned = flag_outliers(used, rules)
        cautions += warned
        excluded |= {_OUTLIER: int(flagged.sum())} if flagged.any() else {}
        used = used.filter(~flagged)
    cautions += _holds_untold(used, rules)
    kept, used = _kept(used), used.drop(_OVERRIDE, _KEPT, strict=False)
    return Selection(used, recorded, read, excluded, cautions, kept, beyond)


def _strays(used: pl.DataFrame, parameters: SharedParameters) -> Strays:
    early, late = strays(used["sale_date"])
    return None if parameters.start_date else early, None if parameters.end_date else late


def within_pauses(sales: pl.DataFrame, beyond: Strays) -> pl.DataFrame:
    """Leave out the few sales that come long before or after all others: placeholders, or slips of the pen.

    One of them would stretch every span: homes would seem to have been watched, and records to reach, up to it.
    """
    return sales.filter(is_within(beyond))


def is_within(beyond: Strays) -> pl.Expr:
    """Say which sales do not come so."""
    begin, end = beyond
    return pl.col("sale_date").is_between(begin or date.min, end or date.max, closed="left")


def _apart(days: pl.Series, begin: date | None, end: date | None) -> dict[str, pl.Series]:
    """Return the days of the sales before and after a long pause, by reason."""
    early, late = days.filter(days < (begin or date.min)), days.filter(days >= (end or date.max))
    return {code: found for code, found in ((_EARLY, early), (_LATE, late)) if len(found)}


def _of_pauses(apart: Mapping[str, pl.Series], sales: int, *, across_pauses: bool) -> Iterator[Caution]:
    for code, days in apart.items():
        if code == _EARLY:
            when, bound = (
                f"{days.max()!s} or earlier, more than {PAUSE_DAYS} days before those after them",
                "a start_date",
            )
        else:
            when, bound = f"{days.min()!s} or later, more than {PAUSE_DAYS} days after those before them", "an end_date"
        became = f"left out; {bound} that takes them in keeps them"
        if across_pauses:
            became = f"used all the same, but for slopes and indices of time; {bound} can leave them out"
        told = f"{len(days)} of {counted(sales, 'sale')} {'is' if len(days) == 1 else 'are'}"
        yield Caution(code, f"{told} dated {when}, and {became}")


def leave_out(selection: Selection, reasons: Mapping[str, pl.Expr]) -> Selection:
    """Leave out also those of the selected sales for which a reason holds; the first that does is told."""
    used, excluded = selection.used, dict(selection.excluded)
    for reason, fails in reasons.items():
        kept = used.filter(~fails)
        excluded |= {reason: used.height - kept.height} if kept.height < used.height else {}
        used = kept
    return replace(selection, used=used, excluded=excluded)


def _first(reasons: _Reasons) -> pl.Expr:
    chosen = pl.lit(None, dtype=pl.UInt8)
    for code, (_, fails) in reversed(list(enumerate(reasons))):
        chosen = pl.when(fails).then(pl.lit(code, dtype=pl.UInt8)).otherwise(chosen)
    return chosen


def _counts(reason: pl.Series) -> dict[int, int]:
    found = reason.drop_nulls().value_counts().sort("reason")
    return dict(found.iter_rows())


def _wanted(parameters: SharedParameters) -> _Reasons:
    """Tell apart sales without a date or price, and those that were not asked for."""
    day = pl.col("sale_date")
    reasons = [("missing_date", day.is_null()), ("missing_price", ~is_amount(_PRICE))]
    if parameters.start_date is not None or parameters.end_date is not None:
        first, last = parameters.start_date or date.min, parameters.end_date or date.max
        reasons.append(("outside_dates", ~day.is_between(first, last)))
    for field, column in FILTERS.items():
        wanted = getattr(parameters, field)
        if wanted is not None:
            reasons.append((f"outside_{field}", ~pl.col(column).is_in(list(wanted)).fill_null(value=False)))
    return reasons


def _missing(groups: Sequence[str]) -> _Reasons:
    return [(f"missing_{name}", pl.col(name).is_null()) for name in groups]


def _evidence(
    sales: pl.DataFrame, rules: SaleFilter, profile: CountyProfile, cautions: list[Caution]
) -> list[tuple[str, pl.Expr]]:
    """Tell what is no evidence of the market."""
    reasons = _arms_length(sales, profile, cautions) if rules.arms_length_only else []
    if rules.min_price > 0:
        reasons.append(("below_min_price", _PRICE.lt(rules.min_price)))
    if rules.exclude_multi_parcel:
        reasons.append(("multi_parcel", (pl.col("parcels_in_deed") > 1).fill_null(value=False)))
        if not _known(sales, "parcels_in_deed"):
            cautions.append(_untold("multi_parcel", "how many parcels a deed holds", "multi-parcel sale"))
    if rules.exclude_codes:
        codes = list(rules.exclude_codes)
        excluded = pl.col("validity_code").is_in(codes) | pl.col("deed_type").is_in(codes)
        reasons.append(("excluded_code", excluded.fill_null(value=False)))
    if rules.min_hold_days is not None:
        reasons.append(("held_too_briefly", (pl.col("days_held") < rules.min_hold_days).fill_null(value=False)))
    return reasons


def _arms_length(sales: pl.DataFrame, profile: CountyProfile, cautions: list[Caution]) -> list[tuple[str, pl.Expr]]:
    reasons = _by_the_records(sales, profile, cautions)
    if _OVERRIDE in sales.columns:
        said = pl.col(_OVERRIDE)
        spared = [(code, fails & said.is_null()) for code, fails in reasons]
        return [("overridden_not_arms_length", said.eq(other=False).fill_null(value=False)), *spared]
    if not reasons:
        cautions.append(_untold("arms_length", "which sales are arm's length", "sale"))
    return reasons


def _by_the_records(sales: pl.DataFrame, profile: CountyProfile, cautions: list[Caution]) -> list[tuple[str, pl.Expr]]:
    """Tell what the county's codes, and the names in the deed, call not arm's length."""
    reasons = []
    for column, codes in (("validity_code", profile.validity_codes), ("deed_type", profile.deed_types)):
        if codes and _known(sales, column):
            refused = [code for code, is_arms_length in codes.items() if not is_arms_length]
            reasons.append((f"{column}_not_arms_length", pl.col(column).is_in(refused).fill_null(value=False)))
            cautions += unmapped_codes(sales[column], codes)
    if _known(sales, "buyer") and _known(sales, "seller"):
        same, warned = same_party(sales[SHARED_NAME])
        reasons.append(("buyer_is_seller", pl.lit(same)))
        cautions += warned
    return reasons


def _with_overrides(sales: pl.DataFrame, profile: CountyProfile, cautions: list[Caution]) -> pl.DataFrame:
    """Add what a person decided about a sale, null where nobody did, and whether it is kept for that alone."""
    decided = {sale_id: override.valid for sale_id, override in profile.sale_overrides.items()}
    known = sales["sale_id"].is_in(list(decided))
    strange = len(decided) - sales["sale_id"].filter(known).n_unique()
    if strange:
        message = f"{strange} of {len(decided)} sale overrides name a sale that the records do not hold"
        cautions.append(Caution("override_of_unknown_sale", message))
    said = pl.col("sale_id").replace_strict(decided, default=None, return_dtype=pl.Boolean)
    against = [fails for _, fails in _by_the_records(sales, profile, [])]
    kept = said.fill_null(value=False) & pl.any_horizontal(*against, pl.lit(value=False))
    return sales.with_columns(said.alias(_OVERRIDE), kept.alias(_KEPT))


def _kept(used: pl.DataFrame) -> int:
    return int(used[_KEPT].sum()) if _KEPT in used.columns else 0


def _known(sales: pl.DataFrame, column: str) -> bool:
    return sales[column].null_count() < sales.height


def _untold(code: str, what: str, sale: str) -> Caution:
    return Caution(f"{code}_unknown", f"Nothing in the records tells {what}, so no {sale} was excluded for it")


def unmapped_codes(column: pl.Series, codes: Mapping[str, bool]) -> list[Caution]:
    """Tell of the codes that sales have and the county's map does not hold."""
    strange = column.drop_nulls().value_counts().filter(~pl.col(column.name).is_in(list(codes)))
    if strange.is_empty():
        return []
    named = ", ".join(strange[column.name].sort().head(5))
    message = f"{strange['count'].sum()} sales have a {column.name} that the county's map does not hold: {named}"
    return [Caution(f"{column.name}_unmapped", message)]


def _with_days_held(sales: pl.DataFrame) -> pl.DataFrame:
    """Add the days since the parcel's sale on an earlier day: null for its first, and where only the year is known of it."""
    keys, vague = ["parcel_number", "sale_date"], pl.col("year_only").fill_null(value=False)
    days = sales.filter(~vague).select(keys).drop_nulls().unique().sort(keys)
    held = pl.col("sale_date").diff().dt.total_days().over("parcel_number")
    told = sales.join(days.with_columns(held.alias("days_held")), on=keys, how="left", maintain_order="left")
    return told.with_columns(pl.when(~vague).then("days_held").alias("days_held"))


def _holds_untold(used: pl.DataFrame, rules: SaleFilter) -> Iterator[Caution]:
    """Tell of the sales that stay because nobody knows how long they were held."""
    vague = 0 if rules.min_hold_days is None else int(used["year_only"].sum())
    if vague:
        message = (
            f"Of {counted(vague, 'sale')} only the year is known, so none of them was excluded as held too briefly"
        )
        yield Caution("hold_unknown", message)
