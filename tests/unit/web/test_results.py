"""The page of every type, of real documents computed from the two sample counties."""

from __future__ import annotations

import gzip
import json
import re
from random import Random
from types import SimpleNamespace

import pytest
from support.asked import ASKED, KING, LUCAS

from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import NotFound
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.snapshot import encode, records
from terrafusion.samples import sample_file
from terrafusion.web.render import ENVIRONMENT
from terrafusion.web.results.page import VIEWS, findings, unfolded
from terrafusion.web.results.view import Chosen, Grid, Picture, Result, Table, table

PICTURES = {
    "price_trend_by_zip": {"trend": 1, "groups": 2},
    "trend_analysis": {"trend": 1},
    "price_index": {"index": 1, "methods": 1},
    "ratio_study": {"ratios": 1, "value": 2, "groups": 2, "uniformity": 1},
    "equity_study": {"value": 1, "like": 1},
    "comparable_sales": {"subject": 1},
    "market_valuation": {"parcel": 1, "parcels": 1, "accuracy": 1, "ranges": 2},
    "comparable_market_area": {"map": 1, "level": 2},
    "price_distribution": {"distribution": 3, "groups": 2},
    "price_forecast": {"forecast": 1, "errors": 1},
    "sale_validation": {"reasons": 1, "spread": 2},
    "time_adjustment": {"factors": 1, "check": 1, "groups": 2},
    "coverage_report": {"thin": 2, "fields": 1},
    "price_per_sqft": {"unit-prices": 1, "bands": 2},
    "sales_velocity": {"volume": 1, "seasons": 1, "again": 1},
}
CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def documents():
    """Every type's document, as a job stores it and a page reads it."""
    counties = {
        county: records(
            county, {SALES.name: encode(read_records(sample_file(county), SALES).records, SALES)}, CountyProfile()
        )
        for county in (KING, LUCAS)
    }
    return {
        kind: json.loads(json.dumps(_answered(kind, counties[county], asked)))
        for kind, (county, asked) in ASKED.items()
    }


def _answered(kind, county, asked):
    parameters = CATALOGUE.check(kind, asked)
    return render(CATALOGUE.get(kind).answer(county, parameters, lambda _done, _doing: None)).document


def shown(documents, kind, **chosen):
    return findings(kind, Result(documents[kind], Chosen(**chosen), "/jobs/1"))


def parts(found, kind):
    return [part for section in found.sections for part in section.parts if isinstance(part, kind)]


def words(found):
    """Everything that is written on a page's sections."""
    tables = [part.table for part in parts(found, Picture) if part.table] + parts(found, Table)
    cells = [cell for table in tables for row in table.rows for cell in row]
    marks = [shape.text for part in parts(found, Picture) for shape in part.drawing.shapes]
    return cells + marks + [cell for grid in parts(found, Grid) for _, _, row in grid.rows for cell in row]


def test_every_type_has_a_page_and_every_page_a_type():
    drill = {"FAILING_ANALYSIS_SIM"}
    assert set(VIEWS) == set(ASKED) == {analysis.name for analysis in CATALOGUE} - drill


@pytest.mark.parametrize("kind", ASKED)
def test_a_page_tells_the_finding_then_draws_it(documents, kind):
    found, summary = shown(documents, kind), documents[kind]["result_summary"]
    assert found.key_finding == summary["key_finding"]
    assert found.figures
    told = dict(found.told)
    assert {"Sales used", "Method", "Data version", "Intervals"} <= set(told)
    assert [code for code, _ in found.warnings] == [warning["code"] for warning in documents[kind]["warnings"]]
    drawn = {section.id: sum(isinstance(part, Picture) for part in section.parts) for section in found.sections}
    assert {name: count for name, count in drawn.items() if count} == PICTURES[kind]


@pytest.mark.parametrize("kind", ASKED)
def test_nothing_on_a_page_is_a_slip_of_the_machine(documents, kind):
    found = shown(documents, kind)
    assert [text for text in words(found) if re.search(r"\b(nan|inf|None|NaN)\b|e[+-]\d\d|\{", text)] == []
    titles = [section.id for section in found.sections]
    assert len(set(titles)) == len(titles)
    for part in parts(found, Picture):
        assert all(shape.kind for shape in part.drawing.shapes)
        assert part.drawing.width > 200


@pytest.mark.parametrize("kind", ASKED)
def test_a_page_is_light_and_plain(documents, kind):
    job = SimpleNamespace(job_id="1", result_data_location="file:///1.parquet")
    text = ENVIRONMENT.get_template("results/result.html").render(found=shown(documents, kind), job=job, chosen="")
    assert len(gzip.compress(text.encode(), 6)) < 40_000
    assert not re.search(r"<script| style=| on[a-z]+=|<img", text)
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    named = re.findall(r'aria-labelledby="([^"]*)"', text)
    assert {name for names in named for name in names.split()} <= set(ids)


@pytest.mark.parametrize("kind", ASKED)
def test_on_paper_nothing_is_folded_away(documents, kind):
    found = unfolded(shown(documents, kind))
    tables = [part.table for part in parts(found, Picture) if part.table] + parts(found, Table)
    assert not any(table.folded for table in tables)


def test_points_that_are_no_trend_are_shown_as_they_are():
    document = {"result_summary": {"total": 3}, "trends": [{"sale": "a", "price": 1}, {"sale": "b", "price": 2}]}
    found = findings("of an office's own", Result(document, Chosen(), "/jobs/1"))
    (points,) = parts(found, Table)
    assert points.heads == ["Sale", "Price"]
    assert points.rows == [["a", "$1"], ["b", "$2"]]


def test_rows_of_which_nothing_is_shown_are_no_rows():
    assert table("Sales", [{"sale": None}, {"sale": None}]).rows == []


def test_the_trend_of_a_group_is_drawn_with_its_figures(documents):
    found = shown(documents, "price_trend_by_zip", group="98103")
    assert found.sections[0].title == "Trend of 98103"
    points = [point for point in documents["price_trend_by_zip"]["trends"] if point["group"] == "98103"]
    last = max(points, key=lambda point: point["period"])
    table = parts(found, Picture)[0].table
    assert table.rows[0][:2] == ["2016", f"{last['sales_volume']:,}"]
    assert f"${last['median_price']:,.0f}" in table.rows[0][2]
    assert [choice.name for choice in found.sections[0].choices.largest if choice.current] == ["98103"]


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("price_trend_by_zip", {"group": "99999"}),
        ("price_distribution", {"group": "99999"}),
        ("comparable_sales", {"subject": "99999"}),
        ("market_valuation", {"subject": "99999"}),
        ("sale_validation", {"reason": "moonshine"}),
    ],
)
def test_what_a_result_does_not_have_cannot_be_chosen(documents, kind, chosen):
    with pytest.raises(NotFound, match=next(iter(chosen.values()))):
        shown(documents, kind, **chosen)


def test_the_map_shows_every_zip_that_has_a_figure(documents):
    document = documents["price_trend_by_zip"]
    drawing = parts(shown(documents, "price_trend_by_zip"), Picture)[1].drawing
    areas = {shape.text.split(":")[0]: shape for shape in drawing.shapes if shape.kind.startswith("area")}
    assert set(areas) == set(document["pictures"]["map"]["areas"])
    told = {row["group"] for row in document["rows"] if row["constant_quality_change_pct"] is not None}
    assert {name for name, shape in areas.items() if shape.kind == "area blank"} == set(areas) - told


def test_the_grid_adds_up_as_an_appraiser_adds(documents):
    document = documents["comparable_sales"]
    (grid,) = parts(shown(documents, "comparable_sales", subject="0123000110"), Grid)
    rows = [row for row in document["rows"] if row["subject_parcel_id"] == "0123000110"]
    told = {name: cells for _, name, cells in grid.rows}
    assert told["Parcel"] == ["0123000110", *(row["parcel_number"] for row in rows)]
    amounts = [[int(re.sub(r"[^\d-]", "", cell) or 0) for cell in cells[1:]] for _, name, cells in grid.rows if name in {"Sale price", "Time", "adjusted", "Location"}]  # fmt: skip
    assert amounts[0] == [round(row["sale_price"]) for row in rows]
    for place, row in enumerate(rows):
        assert sum(column[place] for column in amounts) == pytest.approx(row["adjusted_price"], abs=len(amounts))
    home = next(home for home in document["pictures"]["homes"] if home["parcel_number"] == "0123000110")
    assert told["Building size sq ft"][0] == f"{home['building_size_sqft']:,.0f}"
    subject = next(one for one in document["result_summary"]["subjects"] if one["subject_parcel_id"] == "0123000110")
    assert told["Indicated value"][0] == f"${subject['estimated_value']:,.0f}"
    assert told["80% range"][0] == f"${subject['value_low']:,.0f} to ${subject['value_high']:,.0f}"


def test_ratios_stand_in_the_bands_of_the_standard_with_their_verdicts(documents):
    found, summary = shown(documents, "ratio_study"), documents["ratio_study"]["result_summary"]
    median = found.figures[0]
    assert (median.name, median.verdict, median.band) == ("Median", summary["median_verdict"], "0.9 to 1.1")
    pictures = documents["ratio_study"]["pictures"]
    counted = sum(pictures["ratios"]["counts"]) + pictures["ratios"]["below"] + pictures["ratios"]["above"]
    assert counted == sum(cell[2] for cell in pictures["by_value"]["cells"]) == summary["n"]
    assert sum(group["n"] for group in pictures["value_groups"]) == summary["n"]
    (grid,) = parts(found, Grid)
    assert [row[1] for row in grid.rows] == ["Median", "COD", "PRD", "PRB", "MKI", "VEI"]


def test_vei_is_what_its_picture_shows(documents):
    summary, groups = documents["ratio_study"]["result_summary"], documents["ratio_study"]["pictures"]["value_groups"]
    apart = 100 * (groups[-1]["median"] - groups[0]["median"]) / summary["median"]
    assert summary["vei"] == pytest.approx(apart)


def test_a_value_is_the_sum_of_what_is_drawn(documents):
    row = next(row for row in documents["market_valuation"]["rows"] if row["estimated_value"])
    drawing = parts(shown(documents, "market_valuation", subject=row["parcel_number"]), Picture)[0].drawing
    assert [shape.text for shape in drawing.shapes if shape.kind == "start strong"] == [
        f"${row['estimated_value']:,.0f}"
    ]


def test_the_fan_is_wider_the_surer_and_the_farther(documents):
    fan = documents["price_forecast"]["pictures"]["fan"]
    widths = {(row["level"], row["horizon"]): row["high"] / row["low"] for row in fan}
    assert {level for level, _ in widths} == {0.5, 0.8, 0.95}
    steps = sorted({step for _, step in widths})
    assert steps == [row["horizon"] for row in documents["price_forecast"]["rows"] if row["errors"]]
    assert all(widths[level, steps[-1]] >= widths[level, 1] for level in (0.5, 0.8, 0.95))
    assert all(widths[0.95, step] >= widths[0.8, step] >= widths[0.5, step] for step in steps)
    kinds = [shape.kind for shape in parts(shown(documents, "price_forecast"), Picture)[0].drawing.shapes]
    assert [kind for kind in kinds if kind.startswith("band")] == ["band f95", "band f80", "band f50"]


def test_a_flagged_sale_is_listed_with_its_reasons_and_its_group(documents):
    rows = documents["sale_validation"]["rows"]
    wanted = next(row for row in rows if "high_price" in row["reason_codes"])
    found = shown(documents, "sale_validation", reason="high_price")
    listed = next(part for section in found.sections if section.id == "flagged" for part in section.parts)
    cells = dict(zip(listed.heads, listed.rows[0], strict=True))
    assert cells["Sale"] == wanted["sale_id"]
    assert "high price" in cells["Why"]
    assert cells["Judged among"].startswith(f"{wanted['group_n']:,} sales in the county, {wanted['window_start']}")
    assert all("high price" in row[4] for row in listed.rows)


def test_flagged_sales_are_paged_through_without_losing_the_reason(documents):
    wanted = [row["sale_id"] for row in documents["sale_validation"]["rows"] if "low_price" in row["reason_codes"]]
    seen, page = [], 1
    while True:
        found = shown(documents, "sale_validation", reason="low_price", page=page)
        (listed,) = [
            part
            for section in found.sections
            if section.id == "flagged"
            for part in section.parts
            if isinstance(part, Table)
        ]
        seen += [row[0] for row in listed.rows]
        if not listed.later:
            break
        page += 1
        assert listed.later == f"/jobs/1?reason=low_price&page={page}#flagged"
    assert seen == wanted
    assert page > 1
    assert listed.earlier == f"/jobs/1?reason=low_price&page={page - 1}#flagged"


def test_scores_of_all_sales_are_in_the_picture(documents):
    document = documents["sale_validation"]
    for name in ("z_price", "z_unit_price"):
        told = document["pictures"][name]
        assert sum(told["counts"]) + told["below"] + told["above"] == document["result_summary"]["judged_by_statistics"]


def test_fields_that_nobody_records_are_told(documents):
    found = shown(documents, "coverage_report")
    drawing = next(part for section in found.sections if section.id == "fields" for part in section.parts).drawing
    labels = [shape.text for shape in drawing.shapes if shape.kind in {"start", "end"}]
    assert labels[labels.index("Buyer") + 1] == "0.0%"
    assert labels[labels.index("Sale price") + 1] == "100.0%"


def test_a_type_of_another_package_is_shown_as_any_result_can_be():
    document = {
        "result_summary": {"key_finding": "Found.", "n": 3, "method": "by hand", "parts": [{"a": 1}, {"a": 2}]},
        "rows": [{"name": f"r{n}", "value": n} for n in range(100)],
    }
    found = findings("somebody_elses", Result(document))
    assert [figure.name for figure in found.figures] == ["Number"]
    assert [section.id for section in found.sections] == ["table-4", "rows"]
    assert (len(parts(found, Table)[1].rows), parts(found, Table)[1].total) == (60, 100)


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize(
    "document", [{}, {"result_summary": {}}, {"result_summary": None, "rows": None, "pictures": []}]
)
def test_an_empty_document_is_a_page(kind, document):
    assert findings(kind, Result(document)).sections == []


@pytest.mark.parametrize("kind", ASKED)
def test_a_document_that_lacks_something_is_a_page_all_the_same(documents, kind):
    random = Random(kind)
    document = {name: value[:12] if isinstance(value, list) else value for name, value in documents[kind].items()}
    names = sorted(_names(document))
    for nothing in (None, "", 0):
        without = set(random.sample(names, len(names) // 4))
        findings(kind, Result(_lacking(document, without, nothing)))


def _names(value):
    if isinstance(value, dict):
        return set(value).union(*(_names(inner) for inner in value.values()))
    return set().union(*(_names(inner) for inner in value[:3])) if isinstance(value, list) else set()


def _lacking(value, without, nothing):
    if isinstance(value, dict):
        return {
            name: nothing if name in without else _lacking(inner, without, nothing) for name, inner in value.items()
        }
    return [_lacking(inner, without, nothing) for inner in value] if isinstance(value, list) else value
