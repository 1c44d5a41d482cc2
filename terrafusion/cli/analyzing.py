"""What `terrafusion analyze` does: a file read as `load` reads it, and answered as a job would be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.document import Rendered, render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli.loading import check_county, write_rejected
from terrafusion.cli.parameters import read_parameters
from terrafusion.cli.progress import working
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.files import refuse
from terrafusion.ingest.kinds import PROPERTIES, SALES, Kind
from terrafusion.ingest.reading import RecordsFile, read_records
from terrafusion.ingest.snapshot import encode, records
from terrafusion.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a file of sales and, where there is one, of properties."""

    analysis_type: str
    sales: Path
    properties: Path | None = None
    parameters: str
    county: str


def answer(question: Question, out: Path | None, settings: Settings) -> dict[str, Any]:
    """Return the document of ``analyze``; files are written where ``out`` names a folder. Raises InvalidRequest."""
    check_county(question.county)
    catalogue = load_catalogue(settings.modules)
    analysis = catalogue.get(question.analysis_type)
    parameters = catalogue.check(analysis.name, read_parameters(question.parameters))
    with working(f"Reading {question.sales.name}") as tell:
        read = {SALES.name: _read(question.sales, SALES)}
        snapshots = {SALES.name: encode(read[SALES.name].records, SALES)}
        if question.properties is not None:
            tell(f"Reading {question.properties.name}")
            read[PROPERTIES.name] = _read(question.properties, PROPERTIES)
            snapshots[PROPERTIES.name] = encode(read[PROPERTIES.name].records, PROPERTIES)
        at_hand = records(question.county, snapshots, CountyProfile())
        found = analysis.compute(at_hand, parameters, lambda done, doing: tell(f"{done:4.0%} {doing}"))
    rendered = render(found)
    location = None if out is None else _write(out, analysis.name, rendered)
    return {
        "analysis_type": analysis.name,
        "county_id": question.county,
        "parameters": canonical(parameters),
        "data_version": at_hand.data_version,
        "file": _reading(read[SALES.name]),
        "properties_file": question.properties and _reading(read[PROPERTIES.name]),
        "result": rendered.document | {"result_data_location": location},
        "result_sha256": rendered.sha256,
    }


def _read(path: Path, kind: Kind) -> RecordsFile:
    read = read_records(path, kind)
    told = write_rejected(path, read)
    if read.records.is_empty():
        raise refuse(path, f"each of its {read.read:,} rows is rejected, see {told}", allowed="nothing is analysed")
    return read


def _write(folder: Path, name: str, rendered: Rendered) -> str | None:
    """Write the document and, where there are rows, the Parquet file; return the latter's location."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{name}.json", orjson.dumps(rendered.document))
        if rendered.parquet is None:
            return None
        return _replace(folder / f"{name}.parquet", rendered.parquet).absolute().as_uri()
    except OSError as error:
        message = f"--out is {folder}, where nothing can be written: {error.strerror}"
        raise InvalidRequest(message, field="out", value=str(folder), allowed="a folder") from error


def _replace(path: Path, data: bytes) -> Path:
    staged = path.with_name(f".{path.name}.writing")
    staged.write_bytes(data)
    return staged.replace(path)


def _reading(read: RecordsFile) -> dict[str, Any]:
    return {
        "read": read.read,
        "rejected": read.rejected.height,
        "rejected_by_reason": read.reasons,
        "warnings": [asdict(caution) for caution in read.warnings],
    }
