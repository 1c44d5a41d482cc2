"""From sales to constant-quality indices: which characteristics the data have, and one fit for each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from terrafusion.analysis.api import Caution, Progress
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.frames import column_by_column
from terrafusion.analysis.groups import coded, compressed
from terrafusion.analysis.hedonic import Fit, Sample, fit

SIZES: Final = ("building_size_sqft", "lot_size_sqft")
"""Characteristics that enter as logs."""

CHARACTERISTICS: Final = (
    *SIZES,
    "year_built",
    "bedrooms",
    "bathrooms",
    "stories",
    "condition",
    "grade",
    "waterfront",
)

COMPLETE_SHARE: Final = 0.95
"""A characteristic that fewer of the sales have is left out; sales that lack one that is used are left out."""

FREEDOM: Final = 30
"""Sales that a group needs beyond the parameters of its fit."""

FOR_INTERVAL: Final = 6
"""Sales that a period needs for an interval: below, robust errors are too small by far."""

MOST_TYPES: Final = 20
"""Property types that are told apart unasked."""

MOST_NAMED_TYPES: Final = 50
"""The same where they are asked for: each is a number beside every sale."""

ROW: Final = "row"
"""A column that, where sales have it, stays with them and says nothing of them."""

SCHEMA: Final = {
    "group_code": pl.Int32(),
    "ordinal": pl.Int32(),
    "index": pl.Float64(),
    "index_standard_error": pl.Float64(),
    "index_ci_low": pl.Float64(),
    "index_ci_high": pl.Float64(),
}


@dataclass(frozen=True, slots=True)
class Design:
    """The sales that the index uses: one row a sale, in an order that depends on their content alone."""

    sales: pl.DataFrame
    characteristics: tuple[str, ...]
    by_zip: bool
    """Whether locations are told apart."""
    warnings: tuple[Caution, ...] = ()

    def as_one_group(self) -> Design:
        """Return the same sales as one group, which spans all locations."""
        return replace(self, sales=self.sales.with_columns(pl.lit(0, pl.Int32).alias("group_code")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a fit needs to know: which periods are full, the least sales of a cell, z of the intervals."""

    full: frozenset[int]
    min_sales: int
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which regressors are asked for."""

    names: tuple[str, ...] | None = None
    """Of `CHARACTERISTICS` and ``property_type``; None is all that at least `COMPLETE_SHARE` of the sales have."""
    logs: bool = True
    """Whether `SIZES` enter as logs."""
    location: str | None = "zip_code"
    """The column that tells locations apart; None tells none apart."""

    def takes(self, name: str) -> bool:
        """Say whether a characteristic may be used."""
        return self.names is None or name in self.names

    def least(self) -> float:
        """Return the share of the sales that must have a characteristic: named ones are used whatever it is."""
        return COMPLETE_SHARE if self.names is None else 1e-9


def design(sales: pl.DataFrame, wanted: Wanted = Wanted()) -> Design:
    """Choose the characteristics that the sales have, and lay them out with ``log_price`` and ``location``.

    ``sales`` has ``group_code``, ``ordinal``, ``sale_price``, `CHARACTERISTICS`, ``zip_code`` and
    ``property_type``, null where the county does not say. Where no characteristic is known the design is empty.
    """
    complete, given, apart, left_out = _laid(sales, wanted)
    cautions = tuple(_cautions(sales.height, complete.height, given, left_out))
    del sales  # a caller that does not hold them spares their memory
    priced = _by_content(complete).with_columns(pl.col("sale_price").log().alias("log_price"))
    return Design(priced, tuple(given), apart, cautions)


def _laid(sales: pl.DataFrame, wanted: Wanted) -> tuple[pl.DataFrame, list[str], bool, list[Caution]]:
    """Return the sales that have all that is used, its names, whether locations are told apart, and what is left out."""
    names = [name for name in CHARACTERISTICS if wanted.takes(name)]
    found = sales.select(_regressor(name, logs=wanted.logs).alias(name) for name in names)
    least = wanted.least()
    used = [name for name in names if _share(found[name]) >= least and _varies(found[name])]
    partly = [name for name in names if 0 < _share(found[name]) < least]
    place = None if wanted.location is None else sales[wanted.location]
    apart = place is not None and _share(place) >= COMPLETE_SHARE and _varies(place)
    kinds = _kinds(sales, least) if wanted.takes("property_type") else []
    left_out = list(_left_out(partly, 0 if wanted.names else len(kinds)))
    kinds = kinds if wanted.names or len(kinds) <= MOST_TYPES else []
    laid = sales.select(
        "group_code",
        "ordinal",
        "sale_price",
        coded(place)[0].alias("location") if place is not None and apart else pl.lit(0, pl.Int32).alias("location"),
        *(found[name] for name in used),
        *((pl.col("property_type") == kind).cast(pl.Float64).alias(f"type {kind}") for kind in sorted(kinds[1:])),
    )
    given = laid.columns[4:] if used or wanted.names else []
    laid = laid.with_columns(sales[ROW]) if ROW in sales.columns else laid
    return _complete(laid, [*given, "location"]) if given else laid.clear(), given, apart, left_out


def _complete(laid: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the sales that have all of these; where all do, they are not copied."""
    return laid.drop_nulls(names) if any(laid[name].null_count() for name in names) else laid


def _by_content(sales: pl.DataFrame) -> pl.DataFrame:
    """Sort by group and period and, within them, by a hash of the row: sums then do not depend on the order of the records.

    A hash costs less than half of sorting by all columns; rows that share one are equal.
    """
    order = np.argsort(_places(sales))
    return column_by_column(sales, lambda column: pl.Series(column.name, column.to_numpy().take(order)))


def _places(sales: pl.DataFrame) -> NDArray[np.uint64]:
    """Return a number of each sale that ascends by group and period, in its first bits, and then by a hash of the row."""
    cells = _cells(sales).astype(np.uint64)
    bits = np.uint64(int(cells.max(initial=0)).bit_length())
    hashes = sales.drop(ROW, strict=False).hash_rows().to_numpy()
    return (cells << (np.uint64(64) - bits)) | (hashes >> bits)


def _cells(sales: pl.DataFrame) -> Codes:
    """Return a number of each sale's group and period, from 0 and ascending by both."""
    group, ordinal = (sales[name].to_numpy() for name in ("group_code", "ordinal"))
    first, last = ordinal.min(initial=0), ordinal.max(initial=0)
    cell = group.astype(np.int64)
    cell -= group.min(initial=0)
    cell *= int(last - first) + 1
    cell += ordinal
    cell -= first
    return cell


def _regressor(name: str, *, logs: bool) -> pl.Expr:
    value = pl.col(name).cast(pl.Float64)
    told = value.is_finite()
    if name in SIZES and logs:
        return pl.when(told & (value > 0)).then(value.log())
    return pl.when(told).then(value)


def _share(column: pl.Series) -> float:
    """How many of the sales have a value, as a fraction; 0 of none."""
    return 1 - column.null_count() / len(column) if len(column) else 0.0


def _varies(column: pl.Series) -> bool:
    return column.min() != column.max()


def _kinds(sales: pl.DataFrame, least: float) -> list[str]:
    """Name the property types, the commonest first, where as many sales tell theirs."""
    types = sales["property_type"]
    return by_count(types) if _share(types) >= least else []


def by_count(types: pl.Series) -> list[str]:
    """Name the values of a column, the commonest first, equally common ones by name."""
    counts = pl.LazyFrame([types.alias("type")]).drop_nulls().group_by("type").len()  # a query uses all cores
    return counts.sort(["len", "type"], descending=[True, False]).collect()["type"].to_list()


def _left_out(partly: Sequence[str], types: int) -> Iterator[Caution]:
    """Tell of characteristics that too few sales have, and of types that are too many."""
    if partly:
        share = f"{COMPLETE_SHARE:.0%}"
        yield Caution("index_characteristics_left_out", f"Fewer than {share} of sales have {', '.join(partly)}")
    if types > MOST_TYPES:
        message = f"There are {types} property types, more than {MOST_TYPES}, so these are not held constant"
        yield Caution("index_property_types_left_out", message)


def _cautions(read: int, complete: int, used: Sequence[str], left_out: Sequence[Caution]) -> Iterator[Caution]:
    if not used:
        yield Caution(
            "index_unavailable", "No characteristic is known of the sales and varies, so quality is not held constant"
        )
        return
    yield from left_out
    if complete < read:
        message = f"{read - complete} of {read} sales lack a characteristic and are not in the index"
        yield Caution("index_sales_incomplete", message)


def indices(chosen: Design, rules: Rules, progress: Progress) -> pl.DataFrame:
    """Return the index of every group and period (`SCHEMA`); a group with too few sales is not there."""
    parts = chosen.sales["group_code"].n_unique()
    found = []
    for done, (code, ordinals, sample) in enumerate(samples(chosen)):
        points = _points(code, ordinals, sample, rules)
        if points is not None:
            found.append(points)
        progress((done + 1) / parts, "Holding quality constant")
    return pl.concat([pl.DataFrame(schema=SCHEMA), *found])


def samples(chosen: Design) -> Iterator[tuple[int, Codes, Sample]]:
    """Yield each group's code, the numbers of its periods, and its sales as a fit takes them."""
    sales = chosen.sales
    groups = sales["group_code"].to_numpy()
    edges = [*np.flatnonzero(np.diff(groups, prepend=-1)), len(groups)]
    for begin, end in pairwise(edges):
        part = sales[int(begin) : int(end)]
        ordinals, period = compressed(part["ordinal"].to_numpy())
        _, location = compressed(part["location"].to_numpy())
        rows = [part[name].to_numpy() for name in chosen.characteristics]
        yield int(groups[begin]), ordinals, Sample(part["log_price"].to_numpy(), period, location, rows)


def _points(code: int, ordinals: Codes, sample: Sample, rules: Rules) -> pl.DataFrame | None:
    counts = np.bincount(sample.period)
    enough = counts >= rules.min_sales
    full = np.isin(ordinals, list(rules.full))
    if not enough.any():
        return None
    base = int(np.argmax(enough & full)) if (enough & full).any() else int(np.argmax(enough))
    if len(sample.log_price) < len(counts) + FREEDOM:  # each period has a parameter: no fit can have it
        return None
    fitted = fit(sample, base=base)
    if fitted.observations - fitted.estimated < FREEDOM:
        return None
    sure = (counts >= FOR_INTERVAL) & (counts[base] >= FOR_INTERVAL)
    return (
        _table(code, ordinals, fitted, z=rules.z)
        .with_columns(
            pl.when(pl.Series(sure)).then(pl.col("^index_.*$")),
        )
        .filter(pl.Series(enough))
    )


def _table(code: int, ordinals: Codes, fitted: Fit, *, z: float) -> pl.DataFrame:
    def level(log_index: Floats) -> Floats:
        return 100 * np.exp(log_index)

    reach = z * fitted.standard_errors
    columns = {
        "group_code": np.full(len(ordinals), code),
        "ordinal": ordinals,
        "index": level(fitted.effects),
        "index_standard_error": fitted.standard_errors,
        "index_ci_low": level(fitted.effects - reach),
        "index_ci_high": level(fitted.effects + reach),
    }
    return pl.DataFrame(columns, schema=SCHEMA)
