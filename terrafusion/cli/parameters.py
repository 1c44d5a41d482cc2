"""An analysis' parameters as a command line gives them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from terrafusion.errors import InvalidParameters, Rejected

ALLOWED: Final = 'a JSON object such as {"period": "quarter"}'

Parameters = Annotated[str, typer.Option("--params", metavar="JSON", help="The type's parameters.")]


def read_parameters(given: str) -> dict[str, Any]:
    """Read ``--params`` as strictly as a request is read; raises InvalidParameters."""
    from topics.requests import read_json  # noqa: PLC0415 - slow to import

    try:
        parameters = read_json(given.encode(errors="surrogateescape"))
    except Rejected as error:
        raise _refused(given, str(error)) from error
    if not isinstance(parameters, dict):
        raise _refused(given, "it is no object")
    return parameters


def _refused(given: str, why: str) -> InvalidParameters:
    message = f"--params is {given[:100]!r}: {why}; it must be {ALLOWED}"
    return InvalidParameters(message, field="params", value=given[:100], allowed=ALLOWED)
