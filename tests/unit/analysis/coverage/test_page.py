"""The page says what the code has, and its worked example is computed."""

import re
from pathlib import Path

import polars as pl
import pytest
from support.answers import table

from terrafusion.analysis.coverage.parameters import CoverageParameters
from terrafusion.analysis.coverage.rows import SCHEMA, SECTIONS
from terrafusion.analysis.frames import PROPERTIES_SCHEMA
from terrafusion.analysis.parameters import SharedParameters

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "coverage_report.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


def test_every_parameter_section_column_and_check_stands_there(report, county):
    for name, field in CoverageParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            assert f"| `{name}` | {field.default} | {field.description} |" in PAGE
    for name in SCHEMA:
        assert f"`{name}`" in PAGE
    assert re.findall(r"^\| `(\w+)` \| ", PAGE.split("| section |")[1].split("\n\n")[0], re.MULTILINE) == [*SECTIONS]
    answer = report(*county(200), valuation_date="2014-12-31")
    for name in {*table(answer, "checks")["name"], *table(answer, "representativeness")["measure"]}:
        assert f"`{name}`" in PAGE


def test_the_worked_example(ask, king_wa):
    answer = ask("coverage_report", king_wa, group_by="zip_code", valuation_date="2016-12-31")
    assert answer.summary["key_finding"].replace("In here", "In king_wa") in PAGE
    few, none = (
        table(answer, "thin_cells", group="all", measure=measure).row(0, named=True)
        for measure in ("fewer_than_10", "no_sale")
    )
    assert f"{few['n']} cells have fewer than 10 sales, and in {none['n']} of {none['of']:,} no home" in SENTENCES
    failed = {row["name"]: row["n"] for row in answer.summary["checks_failed"]}
    twice, other = failed["duplicate_sale"], failed["other_price_on_same_day"]
    assert len(failed) == 2
    assert f"{twice} sales are recorded twice, and {other} parcels have another price" in SENTENCES
    verdicts = table(answer, "fields", measure="sales")["verdict"].to_list()
    assert (
        f"Of {len(verdicts)} columns {verdicts.count('complete')} are complete and {verdicts.count('absent')} absent"
        in PAGE
    )
    assert all(f"`{name}`" in PAGE for name in answer.summary["fields_absent"])


@pytest.fixture
def stand_in(report, king_wa):
    last = king_wa.sort("sale_date", "sale_id").unique("parcel_number", keep="last", maintain_order=True)
    roll = last.select(
        pl.col(name).cast(kind) if name in last.columns else pl.lit(None, kind).alias(name)
        for name, kind in PROPERTIES_SCHEMA.items()
    )
    return report(king_wa, roll, start_year=2016, end_year=2016, bands=4)


def test_the_stand_in_for_a_roll(stand_in):
    assert stand_in.summary["key_finding"].replace("In here", "In king_wa") in PAGE
    rows = table(stand_in, "representativeness")
    shown = 0
    for median in rows.filter(pl.col("measure") == "median").iter_rows(named=True):
        named = rows.filter(pl.col("name") == median["name"])
        told = named.filter(pl.col("measure") == "standardized_difference").row(0, named=True)
        rank = named.filter(pl.col("measure") == "rank").row(0, named=True)
        spread = f"{told['value']:+.2f} ({told['ci_low']:+.2f} to {told['ci_high']:+.2f})"
        sides = f"{median['sold']:g} | {median['unsold']:g}"
        assert f"| `{median['name']}` | {sides} | {spread} | {rank['value']:.3f} | {told['verdict']} |" in PAGE
        shown += 1
    assert shown == 6
    sizes = table(stand_in, "sold_share", name="building_size_sqft")["value"]
    assert f"quarter {100 * sizes[0]:.1f}% sold in 2016, of the largest {100 * sizes[3]:.1f}%" in SENTENCES
