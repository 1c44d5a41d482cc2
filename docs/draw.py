"""Draw the worked example of every page of an analysis: `python docs/draw.py [TYPE…]`. A test fails where one is stale.

`charts/<type>.py` names the sample county (``COUNTY``) and the ``PARAMETERS`` of the example on
`analyses/<type>.md`, and draws its answer: ``draw(answer, figure)``.
"""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

import io
import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from terrafusion.analysis.api import Answer
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.snapshot import encode, records
from terrafusion.samples import sample_file

DOCS: Final = Path(__file__).parent
LOOK: Final = {"svg.hashsalt": "terrafusion", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}


def charts() -> Mapping[str, Path]:
    """Return the chart of each type that has one."""
    return {path.stem: path for path in sorted((DOCS / "charts").glob("*.py"))}


def answer(chart: Mapping[str, Any], kind: str) -> Answer:
    """Ask the worked example."""
    catalogue = load_catalogue()
    sales = read_records(sample_file(chart["COUNTY"]), SALES).records
    at_hand = records(chart["COUNTY"], {SALES.name: encode(sales, SALES)}, CountyProfile())
    return catalogue.get(kind).answer(at_hand, catalogue.check(kind, chart["PARAMETERS"]), lambda _done, _doing: None)


def drawn(kind: str) -> str:
    """Return a type's chart as SVG, the same for the same answer."""
    chart = runpy.run_path(str(charts()[kind]))
    with mpl.rc_context({**LOOK, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 4), layout="constrained")
        chart["draw"](answer(chart, kind), figure)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+$", "", target.getvalue(), flags=re.MULTILINE)


if __name__ == "__main__":
    for name in sys.argv[1:] or charts():
        (DOCS / "analyses" / f"{name}.svg").write_text(drawn(name))
