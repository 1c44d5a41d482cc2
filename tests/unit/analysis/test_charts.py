"""Every page's chart shows the answer as it is computed now; `python docs/draw.py` draws it anew."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
DRAW = runpy.run_path(str(DOCS / "draw.py"))


@pytest.mark.parametrize("kind", DRAW["charts"]())
def test_a_chart_is_not_stale(kind):
    assert (DOCS / "analyses" / f"{kind}.svg").read_text() == DRAW["drawn"](kind)
    assert f"]({kind}.svg)" in (DOCS / "analyses" / f"{kind}.md").read_text()
