"""The comparison of areas: from a county's records to the areas most like one, or to market areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from terrafusion.analysis import indexes
from terrafusion.analysis.api import Answer, Caution, Progress, Records
from terrafusion.analysis.areas import findings
from terrafusion.analysis.areas.growth import growth_of
from terrafusion.analysis.areas.joining import joined, nearest
from terrafusion.analysis.areas.level import Laid, laid_of, levels_of
from terrafusion.analysis.areas.likeness import distances, embedded, similarity
from terrafusion.analysis.areas.parameters import COLUMNS, AreaParameters, Feature
from terrafusion.analysis.areas.profile import Evidence, blocks_of, cautions, counted, estimated, kilometres
from terrafusion.analysis.areas.tables import area_rows, market_area_rows, path_rows
from terrafusion.analysis.areas.within import compared
from terrafusion.analysis.arrays import Codes, Floats
from terrafusion.analysis.canonical import provenance
from terrafusion.analysis.findings import of_year_only, they_have
from terrafusion.analysis.frames import taken
from terrafusion.analysis.groups import coded
from terrafusion.analysis.market import Market, selected
from terrafusion.analysis.quality import data_quality
from terrafusion.analysis.reading import collected, refuse_fine_periods
from terrafusion.analysis.selection import Account
from terrafusion.analysis.unrecorded import types_not_asking
from terrafusion.errors import InvalidParameters
from terrafusion.validation_messages import nearest as most_like

_READ: Final = frozenset({*indexes.CHARACTERISTICS, "latitude", "longitude"})
_APART: Final = frozenset({"zip_code", "property_type"})
"""Texts that sales are told apart by."""
_REGRESSORS: Final = frozenset(
    {*indexes.CHARACTERISTICS, *_APART, *COLUMNS.values(), "group_code", "ordinal", "sale_price"}
)
"""What the areas' levels are estimated from."""
_LEAST: Final = 5
"""Sales below which no area is compared, whatever ``min_sales``: its own spread could not be told."""
_MOST: Final = 5_000
"""Areas that are compared at most: their levels have a covariance of each with each."""


def comparable_market_area(records: Records, parameters: AreaParameters, progress: Progress) -> Answer:
    """Answer which areas behave alike; raises InvalidParameters where the records cannot."""
    progress(0.0, "Reading sales")
    ask, chosen = _asked(records, parameters)
    laid, known = laid_of(chosen, max(parameters.min_sales, _LEAST))
    short = len(known) < 2 or _needed(laid) > len(laid.log_price)  # noqa: PLR2004 - two to compare
    if short:
        return ask.nothing(len(known), laid)
    ask.refuse(known)
    progress(0.3, "Holding quality constant")
    levels = levels_of(laid)
    evidence = Evidence(ask.market, laid, known, levels, growth_of(laid, levels, ask.market.period))
    progress(0.7, "Comparing the areas")
    return ask.answer(evidence, chosen.warnings)


def _asked(records: Records, parameters: AreaParameters) -> tuple[_Asked, indexes.Design]:
    """Tell of the areas what counts and means tell, and lay out the sales, which are let go here: they are as large as the file."""
    column = COLUMNS[parameters.unit]
    account, market = selected(_read, records, parameters, groups=[column])
    areas = counted(market, _parcels(records, parameters), parameters.confidence_level)
    regressors = [name for name in market.sales.columns if name in _REGRESSORS]
    chosen = _design(taken(market.sales, regressors), column)
    return _Asked(records, parameters, account, replace(market, sales=market.sales.clear()), areas), chosen


def _read(records: Records, parameters: AreaParameters) -> pl.DataFrame:
    column = COLUMNS[parameters.unit]
    sales = collected(records, parameters, _READ, apart=_APART | {column}, coded=True)
    if sales.height and not sales[column].count():
        had = [unit for unit, name in COLUMNS.items() if records.sales.select(pl.col(name).count()).collect().item()]
        allowed = ", ".join(had) or f"no other unit either; types that do without are {types_not_asking('unit')}"
        msg = f"unit is {parameters.unit!r}, but {records.county_id} records no {column}; allowed is {allowed}"
        raise InvalidParameters(msg, field="unit", value=parameters.unit, allowed=allowed)
    refuse_fine_periods(sales, parameters)
    return sales.with_columns(pl.col(column).alias("group"))


def _parcels(records: Records, parameters: AreaParameters) -> pl.DataFrame | None:
    """Count the parcels of the roll by area; None where there is no roll."""
    if records.properties is None:
        return None
    area = pl.col(COLUMNS[parameters.unit]).alias("area")
    return records.properties.group_by(area).agg(pl.len().cast(pl.Int64).alias("parcels")).collect()


def _design(sales: pl.DataFrame, column: str) -> indexes.Design:
    """Lay out the sales with the area as ``location`` and the ZIP as ``group_code``; without characteristics if need be."""
    zips = coded(sales["zip_code"])[0].fill_null(-1).alias("group_code")
    bare = sales.select(zips, "ordinal", pl.col("group_code").alias("location"), "sale_price")
    sales = sales.with_columns(zips)
    chosen = indexes.design(taken(sales, sales.columns), indexes.Wanted(location=column))
    if chosen.characteristics:
        return chosen
    priced = bare.with_columns(pl.col("sale_price").log().alias("log_price")).drop("sale_price")
    return indexes.Design(priced.sort("location", "ordinal", "log_price", "group_code"), (), by_zip=True)


def _needed(laid: Laid) -> int:
    """Return how many sales it takes to estimate areas, periods and characteristics."""
    parameters = len(np.unique(laid.area)) + len(np.unique(laid.ordinal)) + len(laid.names)
    return parameters + indexes.FREEDOM


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request on its way to an answer."""

    records: Records
    parameters: AreaParameters
    account: Account
    market: Market
    """Without its sales."""
    areas: pl.DataFrame

    @property
    def _least(self) -> int:
        return max(self.parameters.min_sales, _LEAST)

    def refuse(self, known: Codes) -> None:
        """Raise InvalidParameters where the subject is none of the areas with enough sales, or these are too few."""
        asked, names = self.parameters, self.market.labels.gather(known).to_list()
        if len(names) > _MOST:
            allowed = f"a selection of {_MOST:,} areas or fewer, or a higher min_sales"
            msg = f"unit is {asked.unit!r}, of which {len(names):,} have enough sales to compare; allowed is {allowed}"
            raise InvalidParameters(msg, field="unit", value=asked.unit, allowed=allowed)
        if asked.n_areas is not None and asked.n_areas > len(names):
            allowed = f"2 to {len(names)}"
            msg = (
                f"n_areas is {asked.n_areas}, but {len(names)} of {self.areas.height} areas have {self._least} or more "
                f"sales to compare; allowed is {allowed}"
            )
            raise InvalidParameters(msg, field="n_areas", value=asked.n_areas, allowed=allowed)
        if asked.subject_area is not None and asked.subject_area not in names:
            own = self.areas.filter(area=asked.subject_area)
            has = f"has {own['n'][0]} sales" if own.height else "has no sale that is selected"
            allowed = f"an area with {self._least} or more sales that tell their characteristics"
            hint = most_like(asked.subject_area, names)
            msg = f"subject_area is {asked.subject_area!r}, which {has}; allowed is {allowed}{hint}"
            raise InvalidParameters(msg, field="subject_area", value=asked.subject_area, allowed=allowed)

    def nothing(self, known: int, laid: Laid) -> Answer:
        """Answer that there are too few areas, or too few sales in them, to compare."""
        counts, enough = (self.areas.height, known), (len(laid.log_price), _needed(laid))
        told = findings.TooFew(self.records.county_id, self._sales, counts, self._least, enough)
        finding = findings.too_few(told, self.parameters)
        rows = area_rows(self.areas.with_columns(pl.lit(value=True).alias("thin")))
        return Answer(
            summary=self._summary(finding, None, ()),
            data_quality=self._quality(rows),
            warnings=[*of_year_only(self.account.year_only), *self.account.warnings],
            rows=rows,
            table=rows,
        )

    def answer(self, evidence: Evidence, warnings: tuple[Caution, ...]) -> Answer:
        """Compare the areas with enough sales."""
        level = self.parameters.confidence_level
        told = self.areas.join(estimated(evidence, level), on="group_code", how="left", maintain_order="left")
        told = told.with_columns(pl.col("observations").is_null().alias("thin"), pl.col("observations").fill_null(0))
        known = told.filter(~pl.col("thin"))
        blocks = blocks_of(known, evidence)
        scaled = embedded(blocks, self.parameters)
        if not scaled:
            allowed = f"a weight above 0 of one of {', '.join(blocks)}"
            msg = f"feature_weights leave nothing to compare by; allowed is {allowed}"
            raise InvalidParameters(msg, field="feature_weights", value=None, allowed=allowed)
        places = kilometres(told) if "location" in blocks else None
        asked = _Like(self, told, known, evidence, scaled)
        rows, rest, found, finding = asked.subject() if self.parameters.subject_area else asked.market_areas(places)
        paths = path_rows(known["area"].to_list(), evidence, level)
        return Answer(
            summary=self._summary(finding, evidence, tuple(scaled)) | found,
            data_quality=self._quality(told),
            warnings=[
                *of_year_only(self.account.year_only),
                *self.account.warnings,
                *warnings,
                *cautions(blocks, known, self.parameters),
                *self._thin(told),
            ],
            rows=rows,
            table=pl.concat([rows, rest, paths]),
        )

    @property
    def _sales(self) -> int:
        return self.account.used

    def _thin(self, told: pl.DataFrame) -> list[Caution]:
        thin = told.filter("thin")
        if thin.is_empty():
            return []
        message = (
            f"{they_have(thin.height, 'area', of=told.height)} fewer than {self._least} sales to compare, "
            f"{thin['n'].sum()} together, and {'is' if thin.height == 1 else 'are'} flagged thin"
        )
        return [Caution("areas_thin", message)]

    def _summary(self, finding: str, evidence: Evidence | None, features: tuple[Feature, ...]) -> dict[str, Any]:
        held = list(evidence.laid.names) if evidence else []
        growth = evidence.growth.county if evidence and evidence.growth else None
        return {
            "key_finding": finding,
            "data_points_analyzed": self._sales,
            "method": "hedonic area effects (HC1), growth paths shrunk by random effects, similarity exp(-D^2/2) of "
            "standardised features; market areas by Ward's method between neighbours",
            "cross_check": "variance within market areas against that within ZIPs",
            "unit": self.parameters.unit,
            "period": self.market.period,
            "confidence_level": self.parameters.confidence_level,
            "areas": self.areas.height,
            "areas_compared": len(evidence.known) if evidence else 0,
            "sales_compared": len(evidence.laid.log_price) if evidence else 0,
            "features": {name: self.parameters.weight(name) for name in features},
            "characteristics": held,
            "county_growth_pct_a_year": None if growth is None else 100 * float(np.expm1(growth)),
            **provenance(self.records, self.parameters),
        }

    def _quality(self, areas: pl.DataFrame) -> Mapping[str, Any]:
        below = self._least
        thin = areas.filter(pl.col("n") < below).height
        return {
            **data_quality(self.account, cells=areas.height, thin=thin, thin_below=below),
            "suppressed_cells": int(areas["thin"].sum()),
        }


@dataclass(frozen=True, slots=True)
class _Like:
    """Areas on one scale, and the two ways to tell which are alike."""

    asked: _Asked
    told: pl.DataFrame
    known: pl.DataFrame
    evidence: Evidence
    scaled: Mapping[Feature, Floats]

    def subject(self) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any], str]:
        """Rank the areas by their likeness to the subject, which has rank 0; rows, those beyond ``top_n``, and what is said."""
        name = self.asked.parameters.subject_area
        by_feature = distances(self.scaled, self.known["area"].to_list().index(name))
        squared = np.sum(list(by_feature.values()), axis=0)
        likened = self.known.with_columns(
            pl.Series("similarity", similarity(squared)),
            pl.Series("squared", squared),
            *(pl.Series(f"{feature}_distance", np.sqrt(apart)) for feature, apart in by_feature.items()),
        ).sort(pl.col("area") != name, "squared", "area")
        ranked = area_rows(likened.with_columns(pl.int_range(pl.len()).alias("rank")))
        shown = self.asked.parameters.top_n + 1
        likes = ranked[1:].select("area", "similarity")
        county, sales = self.asked.records.county_id, self.asked.account.used
        finding = findings.of_subject(county, sales, likes, tuple(self.scaled), self.asked.parameters)
        found = {"subject_area": name, "most_alike": likes[: shown - 1].to_dicts()}
        rest = pl.concat([ranked[shown:], area_rows(self.told.filter("thin"))])
        return ranked[:shown], rest, found, finding

    def market_areas(self, places: Floats | None) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any], str]:
        """Join the areas, give thin ones to the nearest, and tell what that does to the variance inside."""
        parameters = self.asked.parameters
        thin = self.told["thin"].to_numpy()
        near = None if places is None else places[~thin]
        features = np.hstack(list(self.scaled.values()))
        code = joined(features, near, count=parameters.n_areas or 1, neighbors=parameters.neighbors)
        numbers = np.full(len(thin), np.nan)
        numbers[~thin] = code + 1
        if places is not None and near is not None:
            placed = thin & np.isfinite(places).all(axis=1)
            numbers[placed] = code[nearest(places[placed], near)] + 1
        told = self.told.with_columns(pl.Series("market_area", numbers).fill_nan(None).cast(pl.Int64))
        rows = pl.concat(
            [market_area_rows(told, code + 1, self.evidence, parameters.confidence_level), area_rows(told)]
        )
        within = self._within(code)
        counts = (self.known.height, int(code.max()) + 1)
        county, sales = self.asked.records.county_id, self.asked.account.used
        return (
            rows,
            rows.clear(),
            {"within": within},
            findings.of_market_areas(county, sales, counts, within, parameters),
        )

    def _within(self, code: Codes) -> list[dict[str, Any]]:
        """Compare variances within market areas and ZIPs, of log prices and of what they are at constant quality."""
        laid = self.evidence.laid
        tells = laid.zip_code >= 0
        if not tells.any():
            return []
        values = {"log_price": laid.log_price, "quality": self.evidence.levels.quality}
        level = self.asked.parameters.confidence_level
        return [
            {
                "measure": name,
                **compared(one[tells], code[laid.area][tells], laid.zip_code[tells], confidence_level=level),
            }
            for name, one in values.items()
        ]
