"""Write what the code knows into the pages: `python docs/generate.py`. A test fails where a page is stale.

Between `<!-- generated: NAME -->` and `<!-- end -->` stands what the function of that name in `BLOCKS` says.
"""

# ruff: noqa: INP001  pages are no package

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.main import get_command

from models.jobs import TERMINAL, TRANSITIONS, FailureReason, JobStatus
from models.messages import AnalysisRequest, Command, JobCompleted, JobStatusChanged
from terrafusion.analysis.profile import CountyProfile, MarketArea, SaleOverride
from terrafusion.cli import build
from terrafusion.ingest.kinds import REASONS
from terrafusion.metrics import Metrics
from terrafusion.settings import Settings
from topics.catalogue import TOPICS
from topics.schemas import schemas

ROOT: Final = Path(__file__).parents[1]
BLOCK: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def files() -> Mapping[Path, str]:
    """Return every generated file and what it should say."""
    pages = {path: BLOCK.sub(_filled, path.read_text()) for path in sorted((ROOT / "docs").glob("*.md"))}
    written = {ROOT / "schemas" / f"{name}.json": _json(schema) for name, schema in schemas().items()}
    return {**pages, **written}


def _filled(found: re.Match[str]) -> str:
    return f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _diagram() -> str:
    moves = [
        f"    {source} --> {move.target}: {move.name}"
        for move in TRANSITIONS
        for source in sorted(move.sources, reverse=True)
    ]
    ends = [f"    {status} --> [*]" for status in sorted(TERMINAL)]
    births = ["    [*] --> PENDING: accept", "    [*] --> FAILED: accept, refused"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *births, *moves, *ends, "```"])


def _states() -> str:
    return _table(("state", "meaning"), _members(JobStatus))


def _reasons() -> str:
    return _table(("`failure_reason`", "meaning"), _members(FailureReason))


def _moves() -> str:
    rows = (
        (move.name, ", ".join(sorted(move.sources)), move.target, move.meaning[:1].upper() + move.meaning[1:] + ".")
        for move in TRANSITIONS
    )
    return _table(("move", "from", "to", "when"), rows)


def _topics() -> str:
    rows = (
        (
            f"`{spec.name}`",
            f"{spec.purpose[:1].upper()}{spec.purpose[1:]}.",
            f"[`{spec.message.__name__}`](../schemas/{spec.name}.json)" if spec.message else "bytes",
            spec.partitions,
            ", ".join(f"`{key}={value}`" for key, value in spec.config.items()),
        )
        for spec in TOPICS
    )
    return _table(("topic", "what", "message", "partitions", "configuration"), rows)


def _fields(model: type[BaseModel]) -> str:
    described = model.model_json_schema()["properties"]
    rows = (
        (f"`{name}`", "yes" if field.is_required() else "no", _kind(described[name]), field.description or "")
        for name, field in model.model_fields.items()
    )
    return _table(("field", "required", "type", "meaning"), rows)


def _kind(described: Mapping[str, Any]) -> str:
    """Name a type as JSON Schema does, its format where it has one."""
    if "$ref" in described:
        return f"`{described['$ref'].rsplit('/', 1)[1]}`"
    if "anyOf" in described:
        return " or ".join(_kind(choice) for choice in described["anyOf"])
    limits = [f"{word} {described[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in described]
    return " ".join([described.get("format") or described["type"], *limits])


def _settings() -> str:
    rows = (
        (f"`TERRAFUSION_{name.upper()}`", _default(field), f"{_sentence(field)}{_limits(field)}")
        for name, field in Settings.model_fields.items()
    )
    return _table(("variable", "default", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.default in (None, ""):
        return "(secret, none)" if field.annotation == SecretStr | None else "(none)"
    return f"`{field.default}`"


def _sentence(field: FieldInfo) -> str:
    text = field.description or ""
    return f"{text[:1].upper()}{text[1:]}."


def _limits(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most"}
    found = [f"`{choice}`" for choice in get_args(field.annotation) if isinstance(choice, str)]
    found += [
        f"{word} {getattr(limit, name)}"
        for limit in field.metadata
        for name, word in words.items()
        if hasattr(limit, name)
    ]
    return f" ({', '.join(found)})" if found else ""


def _metrics(prefix: str) -> str:
    kinds = vars(Metrics(CollectorRegistry(), ())).values()
    rows = (_metric(metric) for metric in kinds if isinstance(metric, Counter | Gauge | Histogram))
    return _table(("metric", "kind", "labels", "meaning"), (row for row in rows if row[0].startswith(f"`{prefix}")))


def _metric(metric: Counter | Gauge | Histogram) -> Sequence[str]:
    (told,) = metric.describe()
    name = f"{told.name}_total" if told.type == "counter" else told.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - told nowhere else
    return f"`{name}`", told.type, labels, f"{told.documentation}."


def _commands() -> str:
    return "\n\n".join(_command(path, command) for path, command in _walk(get_command(build()), "terrafusion"))


def _walk(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        within = f"{path} {name}"
        yield from _walk(command, within) if hasattr(command, "commands") else [(within, command)]


def _command(path: str, command: Any) -> str:
    told = [parameter for parameter in command.params if parameter.name != "json"]
    words = [_word(parameter) for parameter in told if parameter.param_type_name == "argument"]
    needed = [_word(parameter) for parameter in told if parameter.param_type_name == "option" and parameter.required]
    usage = " ".join([path, *words, *needed, *(["[OPTIONS]"] if len(words) + len(needed) < len(told) else [])])
    text = " ".join(command.help.split())
    rows = [(f"`{_word(parameter)}`", _value(parameter), _meaning(parameter)) for parameter in told]
    table = _table(("argument", "default", "meaning"), rows) if rows else ""
    return "\n\n".join(part for part in (f"### `{usage}`", text, table) if part)


def _word(parameter: Any) -> str:
    """Return an argument as one types it."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        several = "…" if parameter.nargs != 1 else ""
        return f"{name}{several}" if parameter.required else f"[{name}{several}]"
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {_kind_of(parameter)}"


def _kind_of(parameter: Any) -> str:
    names = {int: "N", Path: "DIR"}
    return parameter.metavar or names.get(parameter.type_descriptor.annotation, "TEXT")


def _meaning(parameter: Any) -> str:
    """Say what an argument is for, and the words it may be where those are few."""
    kind = _one_of(parameter.type_descriptor.annotation)
    is_enum = isinstance(kind, type) and issubclass(kind, Enum)
    choices = [f"`{word}`" for word in ([member.value for member in kind] if is_enum else get_args(kind)) if word]
    return " ".join([parameter.help or "", *([f"One of {', '.join(choices)}."] if choices else [])])


def _one_of(kind: Any) -> Any:
    """Return what each of several values is."""
    return get_args(kind)[0] if get_origin(kind) is list else kind


def _value(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return f"`{parameter.show_default}`"
    if parameter.required:
        return "required"
    return "" if parameter.default in (None, False) else f"`{_plain(parameter.default)}`"


def _plain(default: object) -> str:
    return "yes" if default is True else str(default)


def _members(kind: type[StrEnum]) -> Sequence[tuple[str, str]]:
    """Read each member of an enumeration with the docstring that stands below it."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    texts = [node.value.value for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return [(f"`{member}`", str(text)) for member, text in zip(kind, texts[1:], strict=True)]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


BLOCKS: Final = {
    "diagram": _diagram,
    "states": _states,
    "reasons": _reasons,
    "moves": _moves,
    "topics": _topics,
    "request": lambda: _fields(AnalysisRequest),
    "status": lambda: _fields(JobStatusChanged),
    "completed": lambda: _fields(JobCompleted),
    "command": lambda: _fields(Command),
    "profile": lambda: _fields(CountyProfile),
    "market_area": lambda: _fields(MarketArea),
    "sale_override": lambda: _fields(SaleOverride),
    "rejections": lambda: _table(("reason", "meaning"), ((f"`{name}`", f"{why}.") for name, why in REASONS.items())),
    "settings": _settings,
    "commands": _commands,
    "platform_metrics": lambda: _metrics("market_analysis_"),
    "own_metrics": lambda: _metrics("terrafusion_"),
}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
