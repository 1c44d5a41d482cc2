"""Many rows in one statement: an array a column, unnested by the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ARRAY, TableValuedAlias, bindparam, column, func
from sqlalchemy.types import TypeEngine

from terrafusion.errors import UnstorableData

AROUND: Final = 8
"""So much deeper than in its cell a value may stand where it is told: in an event, in an answer. Depth has a limit."""


def batch(**columns: TypeEngine[Any]) -> TableValuedAlias:
    """Make a table named ``d`` of array parameters, one a column, each named as its column."""
    arrays = (bindparam(f"d_{name}", type_=ARRAY(kind)) for name, kind in columns.items())
    table = func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in columns.items()), name="d")
    return table.render_derived()


def arrays(table: TableValuedAlias, rows: Iterable[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
    """Turn rows into the parameters of such a table."""
    kept = list(rows)
    return {f"d_{name}": [row[name] for row in kept] for name in table.c.keys()}  # noqa: SIM118


def as_json(value: Any) -> str:
    """Write a value for a JSONB cell; raises UnstorableData where JSON has no way to say it, there or within an event."""
    for _ in range(AROUND):
        value = [value]
    try:
        return orjson.dumps(value)[AROUND:-AROUND].decode()
    except orjson.JSONEncodeError as error:
        msg = f"not to be written as JSON: {error}"
        raise UnstorableData(msg) from error
