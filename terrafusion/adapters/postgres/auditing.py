"""Entries of the audit log, written by the statement that does what they tell of: neither is there without the other."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, bindparam, func, insert, literal, select

from models.access import Deed
from models.tables import audit_log

FIELDS: Final = tuple(field.name for field in fields(Deed))
_GIVEN: Final = {name: bindparam(f"deed_{name}", type_=audit_log.c[name].type) for name in FIELDS}


def entries(done: CTE, *, when: ColumnElement[bool] | None = None, **found: ColumnElement[Any]) -> CTE:
    """Write an entry for each row that something was done to; ``found`` is told of the row where the deed is silent."""
    told = {name: func.coalesce(given, found[name]) if name in found else given for name, given in _GIVEN.items()}
    rows = select(*told.values()).select_from(done).where(literal(True) if when is None else when)  # noqa: FBT003
    return insert(audit_log).from_select(list(told), rows).cte("deeds")


def told_as(deed: Deed | None) -> dict[str, Any]:
    """Make the parameters of a statement with `entries`; none where nothing is told."""
    return {f"deed_{name}": value for name, value in asdict(deed).items()} if deed else {}
