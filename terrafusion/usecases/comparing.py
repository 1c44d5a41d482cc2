"""What changed between two answers: the data, the parameters, the figures.

Nothing is judged here. A difference is the second value less the first. A percentage is of the first value's size; it
is null where that is 0, and for figures that are percentages themselves, of which the difference says more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from models.jobs import JobStatus
from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import Conflict, InvalidRequest
from terrafusion.wording import bounds, group_of

Body = Mapping[str, Any]

TOLD: Final = ("job_id", "analysis_type", "county_id", "completed_at", "data_version", "result_sha256")
KEYS: Final = (
    "section",
    "name",
    "measure",
    "group",
    "tier",
    "period",
    "sale_id",
    "parcel_number",
    "subject_parcel_id",
    "rank",
)
"""The columns by which a row of one answer is found again in the other, as far as the rows have them."""
ELSEWHERE: Final = frozenset({"county_id", "data_version", "parameter_hash"})
"""What a summary repeats of its job."""
PERCENTAGES: Final = ("_pct", "_pct_points")
UNNAMED: Final = frozenset({"period_start", "period_end"})
"""Columns that say what the keys say."""
_BASE: Final = 100
"""An index in its base period."""
LEADING: Final = (
    "median_price",
    "index",
    "constant_quality_change_pct",
    "raw_change_pct",
    "median",
    "estimated_value",
    "sales_volume",
    "sales",
)
"""The figures of a row that tell its change to a person, the first that changed; a program reads all of them."""


def compare(first: Body, second: Body) -> dict[str, Any]:
    """Tell what changed from one finished job to another; each is a body of ``GET …/results/{job_id}``.

    Raises Conflict where one is not COMPLETED, InvalidRequest where they are of different types: a figure of another
    analysis may have the same name and mean something else. Jobs of different counties can be compared.
    """
    for job in (first, second):
        _must_be_completed(job)
    _must_be_of_one_type(first, second)
    before, after = first["result"], second["result"]
    summary = _pairs(before["result_summary"], after["result_summary"])
    return {
        "jobs": [{name: job[name] for name in TOLD} for job in (first, second)],
        "same_data": first["data_version"] == second["data_version"],
        "same_answer": _content(before) == _content(after),
        "parameters": _changes(first["parameters"] or {}, second["parameters"] or {}),
        "figures": [told for told in summary if _is_figure(told)],
        "statements": [told for told in _changed(summary) if not _is_figure(told) and told["name"] not in ELSEWHERE],
        "data_quality": _changes(before["data_quality"], after["data_quality"]),
        "warnings": _warnings(before["warnings"], after["warnings"]),
        "trends": _rows(before["trends"], after["trends"]),
        "rows": _rows(before["rows"], after["rows"]),
    }


def change(name: str, first: Any, second: Any) -> dict[str, Any]:
    """Tell two values of one name; difference and percentage where both are numbers."""
    told = {"name": name, "first": first, "second": second, "difference": None, "percent": None}
    if _is_number(first) and _is_number(second):
        told["difference"] = second - first
        if first and not name.endswith(PERCENTAGES):
            told["percent"] = (second - first) / abs(first) * 100
    return told


def most_changed(rows: Sequence[Body]) -> list[tuple[Body, Body]]:
    """Return rows that changed, those by the most first, each with the figure of it that tells its change to a person."""
    changed = [(row, _leading(row["figures"])) for row in rows]
    return sorted(changed, key=lambda pair: -_size(pair[1]))


def with_defaults(job: Body, catalogue: Catalogue) -> Body:
    """Return a job with all parameters that it had, also those that were not given.

    Else a parameter that one request names and the other leaves at the same value would count as a change. What this
    catalogue does not know, or no longer takes, stays as it was given.
    """
    try:
        parameters = catalogue.check(job["analysis_type"], job["parameters"] or {})
    except InvalidRequest:
        return job
    return {**job, "parameters": canonical(parameters)}


def _size(told: Body) -> float:
    """Return by how much a figure changed, in per cent; by its difference where there is no telling so."""
    size: float | None = told["difference"] if told["percent"] is None else told["percent"]
    return abs(size or 0.0)


def _leading(figures: Sequence[Body]) -> Body:
    by_name = {figure["name"]: figure for figure in figures}
    return next((by_name[name] for name in LEADING if name in by_name), figures[0])


def _must_be_completed(job: Body) -> None:
    if job["status"] != JobStatus.COMPLETED or job["result"] is None:
        message = f"job {job['job_id']} is {job['status']}; only COMPLETED jobs have a result to compare"
        raise Conflict(message, field="job_id", value=str(job["job_id"]), allowed="a COMPLETED job")


def _must_be_of_one_type(first: Body, second: Body) -> None:
    one, other = first["analysis_type"], second["analysis_type"]
    if one != other:
        message = f"the jobs are of different types, {one} and {other}; their figures do not mean the same"
        raise InvalidRequest(message, field="analysis_type", value=other, allowed=one)


def _content(result: Body) -> Body:
    return {name: value for name, value in result.items() if name != "result_data_location"}


def _pairs(first: Body, second: Body) -> list[dict[str, Any]]:
    before, after = dict(_leaves(first)), dict(_leaves(second))
    return [change(name, before.get(name), after.get(name)) for name in {**before, **after}]


def _changed(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [told for told in pairs if told["first"] != told["second"]]


def _changes(first: Body, second: Body) -> list[dict[str, Any]]:
    """Tell the values that differ, also those that only one side has."""
    return _changed(_pairs(first, second))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings under dotted names; a list is one value."""
    if isinstance(value, Mapping) and (value or not path):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _warnings(first: Sequence[Body], second: Sequence[Body]) -> dict[str, Any]:
    return {
        "only_first": [warning for warning in first if warning not in second],
        "only_second": [warning for warning in second if warning not in first],
    }


def _rows(first: Sequence[Body], second: Sequence[Body]) -> dict[str, Any]:
    """Tell the rows that both have and that differ, and the keys of those that only one has."""
    names = [name for name in KEYS if all(name in row for row in (*first, *second))]
    before, after = _by_key(first, names), _by_key(second, names)
    matched = [key for key in before if key in after]
    told = (dict(zip(names, key, strict=True)) | _row(before[key], after[key], names) for key in matched)
    return {
        "matched": len(matched),
        "changed": [row for row in told if row["figures"]],
        "only_first": [dict(zip(names, key, strict=True)) for key in before if key not in after],
        "only_second": [dict(zip(names, key, strict=True)) for key in after if key not in before],
        "other_bases": _other_bases(_bases(first), _bases(second)) if matched else [],
    }


def _other_bases(first: Mapping[str, str], second: Mapping[str, str]) -> list[dict[str, str]]:
    """Tell the groups whose index is 100 in another period of the second: there a difference is one of bases too."""
    return [
        {"group": group, "first": base, "second": second[group]}
        for group, base in first.items()
        if second.get(group, base) != base
    ]


def _bases(rows: Sequence[Body]) -> dict[str, str]:
    """Return the first period of each group in which its index is 100; that of a forecast's lies before its rows."""
    found: dict[str, str] = {}
    for row in rows:
        if "period" in row and row.get("index") == _BASE:
            group = group_of(row)
            found[group] = min(found.get(group, row["period"]), row["period"])
    return found


def _by_key(rows: Sequence[Body], names: Sequence[str]) -> dict[tuple[Any, ...], Body]:
    """Return rows by their key; those of which there are several with one key cannot be matched."""
    found: dict[tuple[Any, ...], list[Body]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return {key: alike[0] for key, alike in found.items() if len(alike) == 1 and names}


def _row(first: Body, second: Body, names: Sequence[str]) -> dict[str, Any]:
    drop = {*names, *UNNAMED}
    left = {name: value for name, value in first.items() if name not in drop}
    right = {name: value for name, value in second.items() if name not in drop}
    pairs = _pairs(left, right)
    changed = [told["name"] for told in _changed(pairs)]
    ends = {end for name in changed for end in bounds(name, left) or ()}
    return {"figures": [told for told in pairs if told["name"] in {*changed, *ends}]}


def _is_figure(told: Body) -> bool:
    return _is_number(told["first"]) or _is_number(told["second"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
