"""The drill: an analysis that always fails, so that an operator can see what a failure looks like."""

from __future__ import annotations

from typing import Any, Final

from terrafusion.analysis.api import Analysis, Answer, Example, Progress, Records
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.errors import SimulatedFailure


def fail(records: Records, parameters: SharedParameters, progress: Progress) -> Answer:  # noqa: ARG001
    """Raise SimulatedFailure, after a first sign of progress."""
    progress(0.5, "About to fail, as asked")
    raise SimulatedFailure("The drill failed on purpose")


ANALYSES: Final[tuple[Analysis[Any], ...]] = (
    Analysis(
        name="FAILING_ANALYSIS_SIM",
        question="What does a failed job look like? It fails on purpose, every time.",
        parameters=SharedParameters,
        compute=fail,
        not_for="Not for answers: it never has one. It is there to show people and alarms what a failure looks like.",
        examples=(Example("A failure on purpose", {}),),
    ),
)
