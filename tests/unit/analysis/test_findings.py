import polars as pl
import pytest

from terrafusion.analysis.comparison import COLUMNS
from terrafusion.analysis.findings import Headline, direction, key_finding, they_have

NONE = dict.fromkeys(COLUMNS)
GROUPS = pl.DataFrame({"group": ["all"], **{name: [None] for name in COLUMNS}})


def told(**overall):
    row = NONE | {"first_period": "2014-05", "last_period": "2015-02"} | overall
    return Headline(
        county_id="here",
        sales=1_234,
        min_sales=10,
        confidence_level=0.9,
        group_name="county",
        overall=row,
        groups=GROUPS,
    )


@pytest.mark.parametrize(
    ("low", "high", "moved"),
    [(0.06, 2, "rose"), (0.04, 2, "unclear"), (-2, -0.06, "fell"), (-2, 0, "unclear"), (None, None, "unknown")],
)
def test_it_claims_a_move_only_if_the_printed_interval_leaves_zero_out(low, high, moved):
    assert direction(1.0, low, high) == moved


def test_both_changes_stand_side_by_side():
    quality = {
        "constant_quality_change_pct": 0.4,
        "constant_quality_ci_low_pct": -1.0,
        "constant_quality_ci_high_pct": 1.8,
    }
    raw = {"raw_change_pct": -8.28, "raw_change_ci_low_pct": -12.0, "raw_change_ci_high_pct": -4.0}
    assert key_finding(told(**quality, **raw)) == (
        "From 2014-05 to 2015-02 prices at constant quality showed no clear change (+0.4%, 90% interval -1.0% to +1.8%), "
        "and the raw median price fell 8.3% (90% interval -12.0% to -4.0%) in here (1,234 sales)."
    )


def test_without_an_interval_nothing_is_claimed():
    assert "changed by +5.0% (too few sales for an interval)" in key_finding(told(raw_change_pct=5.0))


def test_without_two_periods_no_change_is_told():
    assert (
        key_finding(told())
        == "In here the request selects 1,234 sales; no two full periods have 10 or more to compare."
    )


def test_one_has_and_several_have():
    assert they_have(1, "area", of=24) == "1 of 24 areas has"
    assert they_have(1, "subject", of=1) == "1 of 1 subject has"
    assert they_have(1_200, "parcel", of=3_000) == "1,200 of 3,000 parcels have"
