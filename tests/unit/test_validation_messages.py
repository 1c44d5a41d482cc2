"""What is said of wrong values: in our words, with the value that was given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import InvalidParameters
from terrafusion.validation_messages import nearest, rejection, shown

CATALOGUE = load_catalogue()
TYPES = [analysis.name for analysis in CATALOGUE if analysis.parameters.model_fields]
WRONG = [
    "x",
    "",
    7,
    -1.5,
    10**30,
    True,
    None,
    float("nan"),
    float("inf"),
    {},
    {"a": 1},
    {"a": {}},
    [],
    [None],
    ["x"],
    [1],
]
NEEDED = {"n_areas": 3, "subject_parcel_ids": ["a"]}
JARGON = re.compile(
    r"Input|tuple|dict|\bstr\b|\bint\b|\bfloat\b|\bbool|_parsing|_type|\bString\b|\bNone\b|True|False|valid |instance|"
    r"extra|Field required|validation|\[key\]|function|union|literal",
)


class Told(BaseModel):
    length: float
    name: str = ""


def faults(name: str) -> Iterator[InvalidParameters]:
    fields = CATALOGUE.get(name).parameters.model_fields
    asked = {field: given for field, given in NEEDED.items() if field in fields}
    for field in fields:
        for wrong in WRONG:
            try:
                CATALOGUE.check(name, {**asked, field: wrong})
            except InvalidParameters as error:
                yield error


@pytest.mark.parametrize("name", TYPES)
def test_every_parameter_refuses_in_our_own_words(name: str) -> None:
    for error in faults(name):
        said = re.sub("'[^']*'", "", str(error).removeprefix(error.field or ""))
        assert not JARGON.search(said), str(error)
        assert error.field
        assert error.allowed
        assert str(error).startswith(error.field)


@pytest.mark.parametrize("name", TYPES)
def test_every_parameter_refuses_something(name: str) -> None:
    refused = {str(error.field).partition(".")[0] for error in faults(name)}
    assert refused >= set(CATALOGUE.get(name).parameters.model_fields)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("comparable_sales", {"subjcts": ["a"]}, "subjcts is not known;"),
        ("comparable_sales", {"subjcts": ["a"]}, "; did you mean subject_parcel_ids?"),
        ("trend_analysis", {"group_by": "zipcode"}, "group_by.0 is 'zipcode': must be 'county'"),
        ("trend_analysis", {"group_by": "zipcode"}, "; did you mean zip_code?"),
        ("trend_analysis", {"period": "monthly"}, "; did you mean month?"),
        ("trend_analysis", {"min_price": 5}, "; did you mean sale_filter.min_price?"),
        ("trend_analysis", {"sale_filter": {"min_prise": 5}}, "; did you mean min_price?"),
        ("trend_analysis", {"min_sales": None}, "min_sales is null: must be a whole number"),
        ("trend_analysis", {"zip_codes": "98103"}, "zip_codes is '98103': must be a list"),
        ("ratio_study", {"sale_filter": {"min_price": 2e12}}, "must be less than or equal to 1,000,000,000,000"),
        ("ratio_study", {"roll_year": 2201}, "must be less than or equal to 2200"),
    ],
)
def test_a_refusal_is_a_sentence(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        CATALOGUE.check(name, given)
    assert said in str(refused.value)


def test_what_lacks_is_named() -> None:
    with pytest.raises(ValidationError) as missing:
        Told.model_validate({})
    assert str(rejection(missing.value, InvalidParameters, Told)) == "length is missing"


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("ratios", ["ratio_study", "price_index"], "ratio_study"),
        ("price_indx", ["price_index", "price_forecast"], "price_index"),
        ("validation", ["sale_validation", "time_adjustment"], "sale_validation"),
        ("quite other", ["ratio_study", "price_index"], None),
        (7, ["ratio_study"], None),
    ],
)
def test_the_most_like_word_is_offered(given: Any, known: list[str], meant: str | None) -> None:
    assert nearest(given, known) == ("" if meant is None else f"; did you mean {meant}?")


@pytest.mark.parametrize(
    ("given", "told"),
    [(None, "null"), (True, "true"), ("a", "'a'"), ([1, None], "[1, null]"), ({"é": 1.5}, '{"é": 1.5}')],
)
def test_what_was_given_is_written_as_in_json(given: Any, told: str) -> None:
    assert shown(given) == told


def test_what_is_long_is_cut() -> None:
    assert shown("a" * 1000) == "'" + "a" * 99 + "…"
