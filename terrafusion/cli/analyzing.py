"""What `terrafusion analyze` does: files read as `load` reads them, and answered as a job would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.document import Rendered, render
from terrafusion.analysis.profile import CountyProfile
from terrafusion.analysis.registry import load_catalogue
from terrafusion.cli.county import read_profile
from terrafusion.cli.loading import check_county, write_rejected
from terrafusion.cli.parameters import read_parameters
from terrafusion.cli.progress import working
from terrafusion.errors import InvalidRequest
from terrafusion.ingest.files import refuse
from terrafusion.ingest.kinds import KINDS, LISTINGS, PROPERTIES, SALES, Kind
from terrafusion.ingest.reading import RecordsFile, read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ingest.snapshot import encode, records
from terrafusion.settings import Settings

UNNAMED: Final = "file"
"""What a county is called that nobody named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of files of records, by kind; there is one of sales."""

    analysis_type: str
    files: Mapping[str, Path]
    profile: Path | None = None
    parameters: str
    county: str | None = None


def answer(question: Question, out: Path | None, settings: Settings) -> dict[str, Any]:
    """Return the document of ``analyze``; files are written where ``out`` names a folder. Raises InvalidRequest."""
    county, profile = _county(question)
    catalogue = load_catalogue(settings.modules)
    analysis = catalogue.get(question.analysis_type)
    parameters = catalogue.check(analysis.name, read_parameters(question.parameters))
    with working(f"Reading {', '.join(path.name for path in question.files.values())}") as tell:
        read = {name: _read(path, KINDS[name]) for name, path in question.files.items()}
        snapshots = {name: encode(file.records, KINDS[name]) for name, file in read.items()}
        at_hand = records(county, snapshots, profile)
        found = analysis.answer(at_hand, parameters, lambda done, doing: tell(f"{done:4.0%} {doing}"))
    rendered = render(found)
    location = None if out is None else _write(out, analysis.name, rendered)
    return {
        "analysis_type": analysis.name,
        "county_id": county,
        "parameters": canonical(parameters),
        "data_version": at_hand.data_version,
        "file": _reading(read[SALES.name]),
        **{f"{kind.name}_file": _reading(read.get(kind.name)) for kind in (PROPERTIES, LISTINGS)},
        "result": rendered.document | {"result_data_location": location},
        "result_sha256": rendered.sha256,
    }


def _county(question: Question) -> tuple[str, CountyProfile]:
    """Say which county is meant, and how it writes its records; raises InvalidRequest."""
    if question.profile is not None:
        return read_profile(question.profile, question.county, unnamed=UNNAMED)
    county = UNNAMED if question.county is None else question.county
    check_county(county)
    return county, CountyProfile()


def _read(path: Path, kind: Kind) -> RecordsFile:
    """Keep all rows of sales, but of a roll a parcel's first: with two, each of its sales would count twice."""
    read = read_records(path, kind)
    if kind is PROPERTIES:
        read = without_repeats(read)
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


def _reading(read: RecordsFile | None) -> dict[str, Any] | None:
    if read is None:
        return None
    return {
        "read": read.read,
        "rejected": read.rejected.height,
        "rejected_by_reason": read.reasons,
        "warnings": [asdict(caution) for caution in read.warnings],
    }
