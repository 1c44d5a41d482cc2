"""What a model has against given values, in one sentence of ours: the field, what was given, what is allowed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from terrafusion.errors import InvalidRequest

LONGEST: Final = 100
MUST: Final[Mapping[str, str]] = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must be text of {min_length} or more characters",
    "string_too_long": "must be text of {max_length} or fewer characters",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "model_type": "must be an object",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "timezone_aware": "must say how far from UTC it is, as 2026-11-30T12:00:00Z",
    "uuid_parsing": "must be a UUID such as 0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10",
    "uuid_type": "must be a UUID such as 0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10",
}
"""What pydantic calls a fault, and what a person is told of it."""

Fault = Mapping[str, Any]


def rejection(error: ValidationError, kind: type[InvalidRequest], model: type[BaseModel]) -> InvalidRequest:
    """Put a model's first complaint into one sentence; a name that is not known comes first, another may lack for it."""
    faults = error.errors(include_url=False)
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    return _of_one(first, kind, model)


def rejections(error: ValidationError, kind: type[InvalidRequest], model: type[BaseModel]) -> Sequence[InvalidRequest]:
    """Put each of a model's complaints into a sentence, in the order in which they were found."""
    return [_of_one(fault, kind, model) for fault in error.errors(include_url=False)]


def _of_one(fault: Fault, kind: type[InvalidRequest], model: type[BaseModel]) -> InvalidRequest:
    field = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "missing":
        return kind(f"{field} is missing", field=field, allowed="it is required")
    if fault["type"] == "extra_forbidden":
        return _unknown(field, model, fault["loc"], kind)
    allowed = must(fault)
    if fault["type"] == "overlap":  # the sentence says which of many entries it is
        return kind(f"{field}: {allowed}", field=field, value=fault["ctx"]["name"], allowed="one area")
    told = shown(fault["input"])
    meant = nearest(fault["input"], _expected(fault))
    return kind(f"{field or 'value'} is {told}: {allowed}{meant}", field=field, value=told, allowed=allowed)


def must(fault: Fault) -> str:
    """Say what is allowed, of a fault as pydantic tells it."""
    said = MUST.get(fault["type"])
    if said is not None:
        return said.format_map({name: _plain(value) for name, value in fault.get("ctx", {}).items()})
    message: str = fault["msg"].removeprefix("Value error, ")
    return re.sub("^Input should", "must", message)


def shown(given: Any) -> str:
    """Write what was given as JSON writes it, text in single quotes, the long cut."""
    told = repr(given) if isinstance(given, str) else json.dumps(given, default=str, ensure_ascii=False)
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def nearest(given: Any, known: Iterable[str]) -> str:
    """Ask whether the known word that is most like the given one was meant; say nothing where none is.

    The beginning of one word alone stands for it: `subjcts` is most like the `subject` of `subject_parcel_ids`.
    """
    words = list(known) if isinstance(given, str) else []
    begun = Counter(beginning for word in words for beginning in _beginnings(word))
    spelled = {beginning: word for word in words for beginning in _beginnings(word) if begun[beginning] == 1}
    spelled |= {word: word for word in words}
    found = get_close_matches(str(given), spelled, n=1)
    return f"; did you mean {spelled[found[0]]}?" if found else ""


def _beginnings(word: str) -> Iterator[str]:
    """Yield `a`, `a_b` and `a_b_c` of `x.a_b_c`."""
    name = word.rpartition(".")[2]
    yield from (name[: gap.start()] for gap in re.finditer("_|$", name))


def _unknown(
    field: str, model: type[BaseModel], path: Sequence[int | str], kind: type[InvalidRequest]
) -> InvalidRequest:
    inner = _model_at(model, path[:-1])
    allowed = ", ".join(inner.model_fields)
    meant = nearest(str(path[-1]), _names(inner))
    return kind(f"{field} is not known; known are {allowed}{meant}", field=field, allowed=allowed)


def _names(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of a model's fields, then those of the objects in them."""
    yield from model.model_fields
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{inner}" for inner in field.annotation.model_fields)


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel]:
    for part in path:
        field = model.model_fields.get(str(part))
        for kind in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
    return model


def _expected(fault: Fault) -> Sequence[str]:
    return re.findall("'([^']*)'", str(fault.get("ctx", {}).get("expected", "")))


def _plain(value: Any) -> str:
    """Write a bound without a needless fraction, and a large one by thousands; a year stays as it is."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return f"{whole:,}" if isinstance(whole, int) and abs(whole) >= 100_000 else str(whole)  # noqa: PLR2004
