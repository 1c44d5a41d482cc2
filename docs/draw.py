"""Draw the worked example of every page of an analysis: `python docs/draw.py [TYPE…]`. A test fails where one is stale.

The pictures are those of the result's own page, of the sample county and the parameters that `analyses/<type>.md` asks.
"""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from terrafusion.analysis.api import Answer
from terrafusion.analysis.document import render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.snapshot import encode, records
from terrafusion.samples import sample_file
from terrafusion.web.assets import FILES
from terrafusion.web.charts.shapes import Box, Dot, Drawing, Key, Label, Rule, Shape
from terrafusion.web.render import ENVIRONMENT
from terrafusion.web.results.page import findings
from terrafusion.web.results.view import Chosen, Picture, Result

DOCS: Final = Path(__file__).parent
KING, LUCAS = "king_wa", "lucas_oh"
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "comparable_market_area": {"COUNTY": KING, "PARAMETERS": {"n_areas": 5}, "SHOWS": ("map", "level")},
    "comparable_sales": {"COUNTY": KING, "PARAMETERS": {"subject_parcel_ids": ["0001800066"]}, "SHOWS": ("subject",)},
    "coverage_report": {
        "COUNTY": KING,
        "PARAMETERS": {"group_by": "zip_code", "valuation_date": "2016-12-31"},
        "SHOWS": ("thin",),
    },
    "equity_study": {"COUNTY": LUCAS, "PARAMETERS": {"start_year": 1998}, "SHOWS": ("value", "like")},
    "market_valuation": {
        "COUNTY": KING,
        "PARAMETERS": {"zip_codes": ["98107"], "subject_parcel_ids": ["0123000110"]},
        "SHOWS": ("parcel", "ranges"),
    },
    "price_distribution": {"COUNTY": KING, "PARAMETERS": {"period": "quarter"}, "SHOWS": ("distribution",)},
    "price_forecast": {"COUNTY": KING, "PARAMETERS": {"horizon": 12}, "SHOWS": ("forecast", "errors")},
    "price_index": {
        "COUNTY": KING,
        "PARAMETERS": {"method": "case_shiller", "period": "quarter", "compare": True},
        "SHOWS": ("index", "methods"),
    },
    "price_per_sqft": {"COUNTY": KING, "PARAMETERS": {"period": "quarter"}, "SHOWS": ("unit-prices", "bands")},
    "ratio_study": {"COUNTY": LUCAS, "PARAMETERS": {"group_by": "sale_year"}, "SHOWS": ("ratios", "value", "groups")},
    "sale_validation": {"COUNTY": KING, "PARAMETERS": {"group_by": "zip_code"}, "SHOWS": ("reasons", "spread")},
    "sales_velocity": {"COUNTY": KING, "PARAMETERS": {"period": "quarter"}, "SHOWS": ("volume", "seasons", "again")},
    "time_adjustment": {
        "COUNTY": KING,
        "PARAMETERS": {"period": "quarter", "group_by": "zip_code"},
        "SHOWS": ("factors", "groups"),
        "GROUP": "98144",
    },
    "trend_analysis": {
        "COUNTY": KING,
        "PARAMETERS": {"tiers": 3, "seasonal_adjust": True},
        "SHOWS": ("trend", "groups"),
    },
}
"""By type: what is asked, and which sections of the result's page are drawn."""
MARGIN: Final = 16.0
LINE: Final = 20.0
A_LETTER: Final = 6.2
WIDTH: Final = 700.0
"""Of a line of a legend."""
FRAME: Final = """\
:root { --text: #1b2327; --soft: #56636b; --edge: #d9dfe2; --sheet: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --text: #e4eaec; --soft: #9fb0b8; --edge: #2f3b41; --sheet: #182024; } }
.sheet { fill: var(--sheet); }
"""


def charts() -> Mapping[str, Mapping[str, Any]]:
    """Return the example of each type that has a page."""
    return EXAMPLES


def answer(chart: Mapping[str, Any], kind: str) -> Answer:
    """Ask the worked example."""
    catalogue = load_catalogue()
    sales = read_records(sample_file(chart["COUNTY"]), SALES).records
    at_hand = records(chart["COUNTY"], {SALES.name: encode(sales, SALES)}, CountyProfile())
    return catalogue.get(kind).answer(at_hand, catalogue.check(kind, chart["PARAMETERS"]), lambda _done, _doing: None)


def drawn(kind: str) -> str:
    """Return a type's pictures as one SVG, the same for the same answer."""
    chart = EXAMPLES[kind]
    document = json.loads(json.dumps(render(answer(chart, kind)).document))
    found = findings(kind, Result(document, Chosen(group=chart.get("GROUP"))))
    shown = [section for section in found.sections if section.id in chart["SHOWS"]]
    return stacked([part.drawing for section in shown for part in section.parts if isinstance(part, Picture)])


def stacked(drawings: Sequence[Drawing]) -> str:
    """Put pictures one below another, each under its title and over its legend."""
    top, parts = MARGIN, []
    for drawing in drawings:
        shapes = [Label("panel", 0, 0, drawing.title)]
        legend = [*_legend(drawing.legend, drawing.height + LINE)]
        inner = _written([*drawing.shapes, *legend])
        parts.append(f'<g transform="translate({MARGIN:g} {top + LINE:g})">{_written(shapes)}</g>')
        parts.append(f'<g transform="translate({MARGIN:g} {top + 1.5 * LINE:g})">{inner}</g>')
        lines = len({shape.y for shape in legend if isinstance(shape, Label)})
        top += drawing.height + LINE * (lines + 2.5)
    width = max(drawing.width for drawing in drawings) + 2 * MARGIN
    size = f'viewBox="0 0 {width:g} {top:g}" width="{width:g}" height="{top:g}"'
    style = FRAME + (FILES / "charts.css").read_text()
    sheet = f'<rect class="sheet" width="{width:g}" height="{top:g}"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" {size}>',
            f"<style>\n{style}</style>",
            sheet,
            *parts,
            "</svg>\n",
        ]
    )


def _legend(keys: Sequence[Key], top: float) -> Iterator[Shape]:
    x, y = 0.0, top
    for key in keys:
        if x + A_LETTER * len(key.text) > WIDTH:
            x, y = 0.0, y + LINE
        if key.kind.startswith(("line", "whisker", "limit", "level")):
            yield Rule(key.kind, x, y - 4, x + 20, y - 4)
        elif key.kind.startswith("dot"):
            yield Dot(key.kind, x + 10, y - 4, 4)
        else:
            yield Box(key.kind, x + 2, y - 9, 16, 10)
        yield Label("start", x + 26, y, key.text)
        x += 26 + A_LETTER * len(key.text) + 18


def _written(shapes: Sequence[Shape]) -> str:
    shape = ENVIRONMENT.get_template("results/parts.html").module.shape  # type: ignore[attr-defined]
    return "\n".join(str(shape(one)).strip() for one in shapes)


if __name__ == "__main__":
    for name in sys.argv[1:] or charts():
        (DOCS / "analyses" / f"{name}.svg").write_text(drawn(name))
