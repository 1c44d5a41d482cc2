"""The rules: every reason there is, in the order in which reasons are told, and the check that finds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

VALIDATION_RULES: Final = "2026.6"
"""The version of the rule set: rises with any change of a reason, a word list or a bound."""

Check = Literal[
    "codes",
    "deed_names",
    "same_party",
    "institutions",
    "family",
    "price_bounds",
    "multi_parcel",
    "duplicates",
    "price",
    "unit_price",
    "short_hold",
    "non_person",
]
CHECKS: Final[tuple[Check, ...]] = get_args(Check)


class Reason(NamedTuple):
    """Why a sale may not be arm's length."""

    code: str
    check: str
    """What finds it: a check, the shared sale filter, or a person."""
    meaning: str


REASONS: Final = (
    Reason("overridden_not_arms_length", "overrides", "a person decided so"),
    Reason("validity_code_not_arms_length", "codes", "the county's map calls its validity code not arm's length"),
    Reason("deed_type_not_arms_length", "codes", "the county's map calls its deed type not arm's length"),
    Reason("excluded_code", "sale_filter", "its code is among `exclude_codes`"),
    Reason("deed_not_market", "deed_names", "the name of its deed type is that of a transfer without a market"),
    Reason("buyer_is_seller", "same_party", "buyer and seller have the same name"),
    Reason("court_party", "institutions", "a party is a sheriff, receiver or court: a forced sale"),
    Reason("government_party", "institutions", "a party is a government or its agency"),
    Reason("financial_party", "institutions", "a party is a bank or lender"),
    Reason("charitable_party", "institutions", "a party is a church, charity or school"),
    Reason("estate_party", "institutions", "a party is an estate, executor, guardian or the like"),
    Reason("family_sale", "family", "buyer and seller share the last name, as a comma tells of both"),
    Reason("multi_parcel", "multi_parcel", "the deed holds more than one parcel"),
    Reason("below_min_price", "price_bounds", "the price is below `min_price` of the sale filter"),
    Reason("above_max_price", "price_bounds", "the price is above `max_price`"),
    Reason("duplicate_sale", "duplicates", "an earlier sale of the parcel has the same price, within `duplicate_days`"),
    Reason("same_day_sale", "duplicates", "another sale of the parcel on that day has a higher price"),
    Reason("held_too_briefly", "sale_filter", "it follows the parcel's earlier sale within `min_hold_days`"),
    Reason("outlier", "sale_filter", "`outlier_method` calls its price an outlier of its group"),
    Reason("high_price", "price", "ln price is more than `sd_high` sd above its group's mean"),
    Reason("low_price", "price", "ln price is more than `sd_low` sd below its group's mean"),
    Reason("high_unit_price", "unit_price", "ln price per square foot is more than `sd_high` sd above the mean"),
    Reason("low_unit_price", "unit_price", "ln price per square foot is more than `sd_low` sd below the mean"),
    Reason("short_hold", "short_hold", "it follows the parcel's earlier sale within `hold_days`"),
    Reason("home_flip", "short_hold", "a short hold whose price went from the group's mean out of its bounds"),
    Reason("like_names", "family", "buyer and seller may share a last name, as no comma tells"),
    Reason("non_person", "non_person", "a party is a company or a trust"),
)
"""In the order in which they are told: what is recorded, then statistics, then what supports."""

CODES: Final = tuple(reason.code for reason in REASONS)
BY_STATISTICS: Final = frozenset(
    {"outlier", "high_price", "low_price", "high_unit_price", "low_unit_price", "home_flip"}
)
OVERRIDDEN: Final = CODES[0]
TOLD: Final = 3
"""At most so many reasons stand beside a sale."""

Supporting = Literal[
    "court_party",
    "government_party",
    "financial_party",
    "charitable_party",
    "estate_party",
    "family_sale",
    "deed_not_market",
    "multi_parcel",
    "duplicate_sale",
    "same_day_sale",
    "short_hold",
    "home_flip",
    "like_names",
    "non_person",
]
"""Reasons of which a request may say that they decide nothing by themselves."""

_NEEDS: Final[dict[Check, tuple[tuple[str, ...], ...]]] = {
    "codes": (("validity_code",), ("deed_type",)),
    "deed_names": (("deed_type",),),
    "same_party": (("buyer", "seller"),),
    "institutions": (("buyer",), ("seller",)),
    "family": (("buyer", "seller"),),
    "price_bounds": ((),),
    "multi_parcel": (("parcels_in_deed",),),
    "duplicates": (("parcel_number",),),
    "price": ((),),
    "unit_price": (("building_size_sqft",),),
    "short_hold": (("parcel_number",),),
    "non_person": (("buyer",), ("seller",)),
}


def alternatives(check: Check) -> Sequence[Sequence[str]]:
    """Return the sets of columns, of which any one suffices to run a check."""
    return _NEEDS[check]


def in_order(supporting: Sequence[str]) -> tuple[str, ...]:
    """Return all codes in the order in which they are told: those that decide, then those that support."""
    return (*(code for code in CODES if code not in supporting), *(code for code in CODES if code in supporting))
