from datetime import date

import polars as pl
import pytest

from terrafusion.analysis import facts
from terrafusion.analysis.api import Records
from terrafusion.analysis.document import render
from terrafusion.analysis.facts import DEEDS, SHARED_NAME, Facts
from terrafusion.analysis.registry import load_catalogue


@pytest.fixture
def made(sales):
    count = 60
    return sales(
        sale_date=[date(2014, 1 + place % 12, 1 + place % 28) for place in range(count)],
        sale_price=[100_000.0 + 1_000 * place for place in range(count)],
        zip_code=["98101", "98103", None] * (count // 3),
        property_type=["house", "condo", "house", "house"] * (count // 4),
        building_size_sqft=[1_000.0 + 70 * (place % 11) for place in range(count)],
        latitude=[47.6 + place / 1000 for place in range(count)],
        longitude=-122.3,
        buyer=[(f"Smith, Ann {place}", None, "Li")[place % 3] for place in range(count)],
        seller=[(f"SMITH ANN {place}", "Li", "Cruz")[place % 3] for place in range(count)],
        deed_type=["WD", "WD", None] * (count // 3),
    )


def test_what_deeds_tell_stands_beside_the_sales_in_their_order(made):
    told = Facts(made.lazy()).beside(made.select("sale_id"), [*DEEDS, SHARED_NAME])
    assert told["sale_id"].to_list() == made["sale_id"].to_list()
    for name in DEEDS:
        assert told[name].to_list() == [None if value is None else True for value in made[name]]
    alike = [seller if seller.startswith("SMITH") else None for seller in made["seller"]]
    assert told[SHARED_NAME].to_list() == alike


def test_only_what_is_asked_for_stands_beside_them(made):
    found = Facts(made.lazy())
    assert found.beside(made.select("sale_id"), []).columns == ["sale_id"]
    assert found.beside(made.select("sale_id"), ["deed_type"]).columns == ["sale_id", "deed_type"]


def test_texts_and_places_are_read_once(made, monkeypatch):
    read = []
    for name in ("shared", "map_of"):
        asked = getattr(facts, name)
        monkeypatch.setattr(facts, name, lambda *given, name=name, asked=asked: read.append(name) or asked(*given))
    found = Facts(made.lazy())
    for _ in range(3):
        found.beside(made.select("sale_id"), [SHARED_NAME])
        assert found.map_of("zip_code") == found.map_of("zip_code")
        assert found.map_of("neighborhood") is None
    assert read == ["shared", "map_of", "map_of"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("price_trend_by_zip", {}),
        ("price_trend_by_zip", {"index_method": "none"}),
        ("price_trend_by_zip", {"index_method": "none", "fallback": "cascade"}),
        ("sale_validation", {}),
    ],
)
def test_an_answer_from_kept_facts_is_the_same(made, kind, more):
    catalogue, kept = load_catalogue(), Facts(made.lazy())
    asked = catalogue.check(kind, {"min_sales": 1, **more})
    alone, *others = (
        render(catalogue.get(kind).answer(Records("here", "v1", made.lazy(), kept=one), asked, lambda _, __: None))
        for one in (None, kept, kept)
    )
    assert [(one.document, one.sha256) for one in others] == [(alone.document, alone.sha256)] * 2
    assert alone.document["pictures"].get("map", {}).get("by") == ("zip_code" if kind == "price_trend_by_zip" else None)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("price_trend_by_zip", {"index_method": "none"}),
        ("price_trend_by_zip", {}),
        ("price_index", {"method": "hedonic_imputation"}),
        ("price_index", {"method": "stratified_median", "compare": True}),
        ("price_forecast", {"group_by": "zip_code"}),
    ],
)
def test_what_only_tells_sales_apart_is_read_once(made, kind, more):
    kept, apart = Facts(made.lazy()), ("zip_code", "property_type")
    for name in apart:
        assert kept.coded(name).to_list() == made[name].to_list()
    bare: pl.LazyFrame = made.drop(apart).lazy()
    catalogue = load_catalogue()
    checked = catalogue.check(kind, {"period": "year", "min_sales": 1, **more})
    told, alone = (
        catalogue.get(kind).compute(Records("here", "v1", sales, kept=facts), checked, lambda _, __: None)
        for sales, facts in ((bare, kept), (made.lazy(), None))
    )
    assert told.table.equals(alone.table)
    assert told.summary == alone.summary
    assert told.data_quality == alone.data_quality


def test_groups_of_codes_are_named_in_full(made):
    catalogue = load_catalogue()
    checked = catalogue.check("price_trend_by_zip", {"period": "year", "min_sales": 1, "index_method": "none"})
    told = catalogue.get("price_trend_by_zip").compute(Records("here", "v1", made.lazy()), checked, lambda _, __: None)
    assert told.table["group"].unique().to_list() == ["98103"]


def test_names_and_codes_that_nothing_compares_are_not_read(made):
    """A file without the texts of deeds is enough, once these are known."""
    kept = Facts(made.lazy())
    kept.beside(made.select("sale_id"), DEEDS)
    bare: pl.LazyFrame = made.drop(DEEDS).lazy()
    catalogue = load_catalogue()
    asked = catalogue.check("price_trend_by_zip", {"period": "year", "min_sales": 1})
    answer = catalogue.get("price_trend_by_zip").answer(
        Records("here", "v1", bare, kept=kept), asked, lambda _, __: None
    )
    assert answer.data_quality["excluded"] == {"buyer_is_seller": 20, "missing_zip_code": 20}
    assert answer.data_quality["null_counts"]["buyer"] == 20
