"""One question of each type that the sample counties answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KING, LUCAS = "king_wa", "lucas_oh"
ASKED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "price_trend_by_zip": (KING, {"period": "year"}),
    "trend_analysis": (LUCAS, {"period": "quarter"}),
    "price_index": (KING, {"period": "year", "compare": True}),
    "ratio_study": (LUCAS, {"group_by": "zip_code", "start_year": 1998, "bootstrap_iterations": 100}),
    "equity_study": (LUCAS, {"start_year": 1998, "bootstrap_iterations": 100}),
    "comparable_sales": (KING, {"subject_parcel_ids": ["0001800066", "0123000110"]}),
    "market_valuation": (KING, {"zip_codes": ["98109"]}),
    "comparable_market_area": (KING, {"n_areas": 5}),
    "price_distribution": (KING, {"period": "year", "group_by": "zip_code"}),
    "price_forecast": (KING, {"horizon": 6, "period": "quarter"}),
    "sale_validation": (LUCAS, {}),
    "time_adjustment": (KING, {"period": "year", "group_by": "zip_code"}),
    "coverage_report": (KING, {"group_by": "zip_code", "period": "year"}),
    "price_per_sqft": (KING, {"period": "year"}),
    "sales_velocity": (KING, {"period": "year"}),
}
