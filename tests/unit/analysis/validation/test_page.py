"""The page says what the code has, and its worked examples are computed."""

import re
from pathlib import Path

import pytest

from terrafusion.analysis.parameters import SharedParameters
from terrafusion.analysis.validation.findings import interval_of_share
from terrafusion.analysis.validation.parameters import ValidationParameters
from terrafusion.analysis.validation.reasons import CHECKS, REASONS, VALIDATION_RULES, Supporting, get_args, in_order
from terrafusion.analysis.validation.rows import CONTEXT, FIXED

PAGE = (Path(__file__).parents[4] / "docs" / "analyses" / "sale_validation.md").read_text()
SENTENCES = re.sub(r"\s*\n(> )?", " ", PAGE)


def shown(value):
    return ", ".join(value) if isinstance(value, tuple) else "null" if value is None else str(value)


def test_every_parameter_of_its_own_stands_there():
    for name, field in ValidationParameters.model_fields.items():
        if name not in SharedParameters.model_fields:
            default = "none" if name == "overrides" else shown(field.default)
            assert f"| `{name}` | {default} | {field.description} |" in PAGE


def test_every_reason_stands_there_in_its_order():
    lines = [f"| `{reason.code}` | {reason.check} | {reason.meaning} |" for reason in REASONS]
    assert "\n".join(lines) in PAGE
    assert {reason.check for reason in REASONS} - {"overrides", "sale_filter"} == set(CHECKS)
    assert set(get_args(Supporting)) < set(in_order(()))


def test_every_column_of_rows_and_every_figure_of_the_summary_stands_there(ask, market):
    for name in (*FIXED, *CONTEXT, *ask("sale_validation", market(40)).summary):
        told = name.removesuffix("_ci_low").removesuffix("_ci_high")
        assert f"`{told}`" in PAGE
    assert f"(of this rule set, {VALIDATION_RULES})" in SENTENCES


def test_the_worked_examples(ask, king_wa, lucas_oh):
    for county, given in (("king_wa", king_wa), ("lucas_oh", lucas_oh)):
        told = ask("sale_validation", given, group_by="zip_code").summary
        check, reasons = told["cross_check"], told["reasons"]
        line = (
            f"| `{county}` | {told['data_points_analyzed']:,} | {told['invalid_share']:.1%} | {reasons['below_min_price']:,} "
            f"| {reasons['duplicate_sale']:,} | {check['price_beyond_share']:.1%} | {check['unit_price_beyond_share']:.1%} "
            f"| {check['normal_share']:.1%} |"
        )
        assert line in PAGE
        assert county == "lucas_oh" or told["key_finding"].replace("In here", "In king_wa") in SENTENCES
    wide = [
        ask("sale_validation", given, group_by="zip_code", sd_low=3.0, sd_high=3.0).summary
        for given in (king_wa, lucas_oh)
    ]
    assert f"the shares are {wide[0]['invalid_share']:.1%} and {wide[1]['invalid_share']:.1%}" in SENTENCES


@pytest.mark.parametrize(
    ("share", "discount"), [(0.0, 0.4), (0.02, 0.4), (0.05, 0.4), (0.15, 0.4), (0.05, 0.7), (0.05, 0.9)]
)
def test_what_it_finds(injected, ask, share, discount):
    given, unfair = injected(20_000, share=share, discount=discount)
    rows = ask("sale_validation", given, group_by="zip_code", checks=["price", "unit_price"]).table
    flagged = rows.filter(~rows["valid"])["sale_id"]
    found = int(flagged.str.starts_with("unfair").sum())
    told = ["", ""] if not share else [f"{discount:.2f}", between(found, unfair)]
    line = f"| {share:.0%} | {told[0]} | {told[1]} | {between(len(flagged) - found, given.height - unfair)} |"
    assert re.sub(" +", " ", line) in PAGE


def between(hits, n):
    low, high = interval_of_share(hits, n, 0.95)
    return f"{hits / n:.1%} ({low:.1%} to {high:.1%})"
