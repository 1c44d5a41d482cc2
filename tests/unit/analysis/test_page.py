from pathlib import Path

import pytest
from pydantic import BaseModel

from terrafusion.analysis.parameters import SaleFilter, SharedParameters
from terrafusion.analysis.registry import load_catalogue

PAGE = (Path(__file__).parents[3] / "docs" / "analyses.md").read_text()


def shown(value):
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "null" if value is None else str(value).lower()


@pytest.mark.parametrize("model", [SharedParameters, SaleFilter])
def test_every_parameter_stands_there_as_the_code_has_it(model):
    for name, field in model.model_fields.items():
        assert f"| `{name}` | {shown(field.default)} | {field.description} |" in PAGE


def test_every_analysis_is_told():
    for analysis in load_catalogue():
        if analysis.compute.__module__.startswith("terrafusion.analysis."):
            assert f"`{analysis.name}`" in PAGE
            assert analysis.question in PAGE
