"""`python digests.py FOLDER FORM …`: ask every type of the catalogue of a county's file, and print what came out.

A form is how the records are handed over: ``sorted`` as they are stored, ``shuffled``, or ``split`` into two files.
"""

import hashlib
import json
import sys
from pathlib import Path

import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.analysis.valuation import learner

SUBJECTS = ["p00000003", "p00000500", "p00001200"]
ASKED = {
    "ratio_study": {"group_by": "zip_code", "bootstrap_iterations": 100, "time_adjust": True},
    "price_index": {"compare": True, "period": "quarter", "group_by": "property_type", "pairs": "all"},
    "trend_analysis": {"group_by": ["zip_code", "property_type"], "period": "year", "fallback": "cascade"},
    "price_distribution": {"group_by": "zip_code"},
    "price_per_sqft": {"group_by": "zip_code"},
    "sales_velocity": {"group_by": "zip_code"},
    "equity_study": {"group_by": "zip_code", "permutations": 99, "bootstrap_iterations": 100},
    "comparable_market_area": {"n_areas": 5},
    "comparable_sales": {"subject_parcel_ids": SUBJECTS},
    "market_valuation": {"subject_parcel_ids": SUBJECTS},
}
"""What is asked of a type that needs to be told something, or does more when it is; of all others the defaults."""
LEFT_OUT = {"FAILING_ANALYSIS_SIM"}


def asked() -> list[str]:
    """Name the types that are asked."""
    return sorted(analysis.name for analysis in load_catalogue() if analysis.name not in LEFT_OUT)


def handed_over(folder: Path, form: str, kind: str) -> pl.LazyFrame:
    file = folder / f"{kind}.parquet"
    if form == "sorted":
        return pl.scan_parquet(file)
    if form == "shuffled":
        return pl.read_parquet(file).sample(fraction=1, shuffle=True, seed=7).lazy()
    whole = pl.read_parquet(file)
    cut = whole.height // 3
    parts = {"a": whole[cut:], "b": whole[:cut]}
    for name, part in parts.items():
        part.write_parquet(folder / f"{kind}-{name}.parquet", row_group_size=1000)
    return pl.scan_parquet([folder / f"{kind}-{name}.parquet" for name in parts])


def digests(folder: Path, form: str) -> dict[str, str]:
    """Return one digest a type: of its document and of its file."""
    catalogue = load_catalogue()
    sales, roll = (handed_over(folder, form, kind) for kind in ("sales", "roll"))
    profile = CountyProfile(validity_codes={"Q": True, "U": False})
    records = Records("here", "v1", sales, profile, properties=roll)
    found = {}
    for name in asked():
        answer = catalogue.get(name).answer(records, catalogue.check(name, ASKED.get(name, {})), lambda _, __: None)
        rendered = render(answer)
        text = json.dumps(rendered.document, sort_keys=True, allow_nan=False)
        found[name] = f"{hashlib.sha256(text.encode()).hexdigest()} {rendered.sha256}"
    return found


if __name__ == "__main__":
    learner._ROUNDS = (5, 5)  # the first trees are grown as all others
    at = Path(sys.argv[1])
    sys.stdout.write(json.dumps({form: digests(at, form) for form in sys.argv[2:]}))
