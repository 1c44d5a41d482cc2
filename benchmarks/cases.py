"""What is measured of the analyses: one line a case, with its goal; a type that is not in the catalogue is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

THOUSAND: Final = [f"p{number:08d}" for number in range(0, 100_000, 100)]
"""Parcels of the large county."""


SECONDS, TO_FIRST, MEGABYTES, TO_FRAME, GROWTH = (
    "s",
    "times the first",
    "MB",
    "times the frame",
    "times the time a sale",
)
"""Units of goals. The last is the processor time a sale to that of the fewest sales."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure may be at most, or is to be at least."""

    bound: float
    unit: str
    at_least: bool = False

    def judged(self, measured: float) -> str:
        """Say the share of the goal, and whether it is met."""
        met = measured >= self.bound if self.at_least else measured <= self.bound
        return f"{measured / self.bound:.2f} of {self.bound:g} {self.unit}: {'met' if met else 'missed'}"


@dataclass(frozen=True, slots=True)
class Case:
    """A type of analysis, or a peer, asked of so many sales."""

    title: str
    kind: str
    """A type of the catalogue, one of `benchmarks.peers`, or ``assesspy``."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sales: int = 1_000_000
    rounds: int = 5
    roll: bool = False
    """Whether the county has a roll."""
    goals: Sequence[Goal] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that stand beside each other: the first is ours, and the others are told as multiples of it."""

    title: str
    cases: Sequence[Case]


NO_DRAWS: Final = {"interval_method": "analytic"}
COD_PRD: Final = {"trim": "none", "bootstrap_iterations": 1000}

GROUPS: Final[Sequence[Group]] = (
    Group(
        "COD, PRD, PRB, MKI and KI of two columns",
        (
            Case("terrafusion", "ratio_statistics"),
            Case("assesspy", "assesspy", {"what": "statistics"}, rounds=2, goals=[Goal(40, TO_FIRST, at_least=True)]),
        ),
    ),
    Group(
        "ratio study, complete, trimmed and not, with intervals",
        (
            Case("one group", "ratio_study", NO_DRAWS),
            Case("480 groups", "ratio_study", NO_DRAWS | {"group_by": "neighborhood"}, goals=[Goal(1, SECONDS)]),
        ),
    ),
    Group(
        "bootstrap, 1,000 draws (ours: COD, COV, PRD, MKI and KI)",
        (
            Case(
                "ratio_study, all of it",
                "ratio_study",
                COD_PRD,
                sales=100_000,
                rounds=3,
                goals=[Goal(3, SECONDS), Goal(200, MEGABYTES)],
            ),
            Case("numpy, COD and PRD", "numpy_bootstrap", sales=100_000, rounds=2),
            Case("assesspy, COD and PRD", "assesspy", {"what": "bootstrap"}, sales=100_000, rounds=1),
        ),
    ),
    Group(
        "weighted repeat sales",
        (
            Case(
                "price_index case_shiller",
                "price_index",
                {"method": "case_shiller"},
                goals=[Goal(0.8, SECONDS), Goal(500, MEGABYTES)],
            ),
            Case("pandas and statsmodels", "pandas_repeat_sales", rounds=1),
        ),
    ),
    Group(
        "prices by ZIP and month",
        (
            Case("bare polars, the same figures", "polars_by_zip"),
            Case(
                "price_trend_by_zip, no index",
                "price_trend_by_zip",
                {"index_method": "none"},
                goals=[Goal(1.5, TO_FIRST)],
            ),
            Case("price_trend_by_zip, hedonic index", "price_trend_by_zip"),
        ),
    ),
    Group(
        "hedonic index by month, 60 ZIPs as location effects",
        (
            Case(
                "price_index hedonic_time_dummy",
                "price_index",
                {"method": "hedonic_time_dummy"},
                goals=[Goal(1, SECONDS)],
            ),
            Case("the same of 100,000 sales", "price_index", {"method": "hedonic_time_dummy"}, sales=100_000),
            Case("statsmodels, 100,000 sales", "statsmodels_hedonic", sales=100_000, rounds=1),
        ),
    ),
    Group(
        "other methods of price_index",
        tuple(
            Case(method, "price_index", {"method": method}, rounds=3)
            for method in ("bmn", "robust", "arithmetic", "hedonic_imputation", "stratified_median")
        ),
    ),
    Group("sale_validation", (Case("all sales", "sale_validation", rounds=3, goals=[Goal(2, SECONDS)]),)),
    Group(
        "comparable_sales of 1,000 subjects",
        (
            Case(
                "among all sales",
                "comparable_sales",
                {"subject_parcel_ids": THOUSAND},
                rounds=3,
                roll=True,
                goals=[Goal(2, SECONDS)],
            ),
        ),
    ),
    Group(
        "market_valuation of 100,000 parcels",
        (Case("160,000 sales", "market_valuation", sales=160_000, rounds=1, roll=True, goals=[Goal(60, SECONDS)]),),
    ),
    Group(
        "the other types, as they come",
        tuple(
            Case(kind, kind, parameters, rounds=2, roll=True)
            for kind, parameters in {
                "time_adjustment": {},
                "equity_study": {},
                "comparable_market_area": {"n_areas": 8},
                "price_distribution": {},
                "price_forecast": {},
                "coverage_report": {},
                "price_per_sqft": {},
                "sales_velocity": {},
            }.items()
        ),
    ),
)

GROWING: Final[Sequence[Case]] = (
    Case("price_trend_by_zip", "price_trend_by_zip", rounds=2),
    Case("price_index case_shiller", "price_index", {"method": "case_shiller"}, rounds=2),
    Case("price_index hedonic", "price_index", {"method": "hedonic_time_dummy"}, rounds=2),
    Case("ratio_study by ZIP", "ratio_study", NO_DRAWS | {"group_by": "zip_code"}, rounds=2),
    Case("sale_validation", "sale_validation", rounds=2),
    Case("time_adjustment", "time_adjustment", rounds=2),
    Case("price_distribution", "price_distribution", rounds=2),
    Case("price_index hedonic_imputation", "price_index", {"method": "hedonic_imputation"}, rounds=1),
    Case("price_forecast", "price_forecast", rounds=1),
    Case("equity_study", "equity_study", rounds=1),
    Case("comparable_market_area", "comparable_market_area", {"n_areas": 8}, rounds=1),
    Case("coverage_report", "coverage_report", rounds=1),
    Case("price_per_sqft", "price_per_sqft", rounds=1),
    Case("sales_velocity", "sales_velocity", rounds=1),
)
"""What is asked of ever more sales: time by sale and memory against the frame."""

LINEAR: Final = Goal(1.5, GROWTH)
"""Sorting alone takes 1.4 times as long a sale of 10,000,000 as of 100,000."""
LEAN: Final = Goal(2, TO_FRAME)
