"""What Postgres reads for a statement, by EXPLAIN."""

from __future__ import annotations

import json

from sqlalchemy import text
from sqlalchemy.dialects import postgresql


async def touched(connection, statement):
    """Run a statement and return how many rows its scans read, and the tables that were read from end to end."""
    written = str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    asked = text("EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) " + written.replace(":", r"\:"))
    plan = (await connection.execute(asked)).scalar_one()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    scans = list(scans_of(plan[0]["Plan"]))
    rows = sum(scan["Actual Loops"] * (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) for scan in scans)
    return rows, [scan for scan in scans if scan["Node Type"] == "Seq Scan"]


def scans_of(plan):
    if "Scan" in plan["Node Type"] and plan["Node Type"] != "Subquery Scan":
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans_of(below)
