"""One analysis' form: its fields in sections, what was typed into them, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from models.jobs import Job
from models.messages import AnalysisRequest, Note
from terrafusion.analysis.api import Analysis, Example
from terrafusion.analysis.canonical import RULES_VERSION
from terrafusion.analysis.parameters import SharedParameters
from terrafusion.errors import InvalidParameters, InvalidRequest, Rejected
from terrafusion.validation_messages import rejections
from terrafusion.web.asking.fields import Field, fields_of
from terrafusion.web.asking.values import Texts, texts_of, values_of

PARAMETERS: Final = "parameters"
COUNTY: Final = "county_id"
KEY: Final = "key"
"""By which a form that is sent twice makes one job: in its address, and among its fields."""
ASKED: Final = ("priority", "deadline", "correlation_id", "requested_by")
DATES: Final = ("start_date", "end_date", "zip_codes", "neighborhoods", "property_types")
PERIODS: Final = ("period", "group_by", "valuation_date")
EVIDENCE: Final = ("sale_filter",)


class _About(BaseModel):
    """What a form may say beside the parameters."""

    model_config = ConfigDict(extra="forbid")

    requested_by: Note | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that belong together; one that is folded away opens where something in it was filled in."""

    title: str
    fields: Sequence[Field]
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What was filled in, and sentences about what is wrong with it, by field; "" stands for the whole."""

    texts: Texts = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return next(iter(self.texts.get(name, ())), "")

    def chosen(self, one: Field) -> Sequence[str]:
        """Return the words to choose from, those that were chosen first and in their order."""
        given = [word for word in self.texts.get(one.name, ()) if word in one.choices]
        return [*given, *(word for word in one.choices if word not in given)]

    def opens(self, section: Section) -> bool:
        """Say whether a folded section is to be seen."""
        return any(one.name in self.errors or self.texts.get(one.name) for one in section.fields)


class Form:
    """The form of one analysis; its fields are looked up when they are first asked for, which takes a while."""

    def __init__(self, analysis: Analysis[Any]) -> None:
        self.analysis = analysis

    @cached_property
    def _parameters(self) -> Sequence[Field]:
        return fields_of(self.analysis.parameters, under=(PARAMETERS,))

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Every field by its name: the county, the parameters, the request's own."""
        beside = _request_fields()
        return {one.name: one for one in (beside[COUNTY], *self._parameters, *(beside[name] for name in ASKED))}

    @property
    def sections(self) -> Sequence[Section]:
        """The fields beside the county, as a page shows them; a section without fields is none."""
        shared = SharedParameters.model_fields.keys()
        named = {*DATES, *PERIODS, *EVIDENCE}
        found = [
            Section("This analysis", [one for one in self._parameters if one.path[1] not in shared]),
            Section("Which sales", self._named(DATES)),
            Section("Periods and groups", self._named(PERIODS)),
            Section("Which sales count as evidence", self._named(EVIDENCE), is_folded=True),
            Section(
                "How it is computed",
                [one for one in self._parameters if one.path[1] in shared and one.path[1] not in named],
                is_folded=True,
            ),
            Section("The request itself", [self.fields[name] for name in ASKED], is_folded=True),
        ]
        return [section for section in found if section.fields]

    def _named(self, names: Sequence[str]) -> Sequence[Field]:
        found = [one for one in self._parameters if one.path[1] in names]
        return sorted(found, key=lambda one: names.index(one.path[1]))

    def read(self, draft: Draft) -> tuple[AnalysisRequest | None, Draft]:
        """Return the request that a draft makes, None where it makes none, and the draft with what is wrong."""
        values = values_of(self.fields.values(), draft.texts)
        sender = {name: values.pop(name) for name in _About.model_fields if name in values}
        asked = {**values, "analysis_type": self.analysis.name}
        wrong = [*_complaints(_About, sender), *_complaints(AnalysisRequest, asked)]
        wrong += _complaints(self.analysis.parameters, asked.get(PARAMETERS, {}), InvalidParameters)
        if wrong:
            return None, Draft(draft.texts, self._placed(wrong))
        return AnalysisRequest.model_validate(asked), draft

    def refused(self, draft: Draft, error: Rejected) -> Draft:
        """Return a draft with why it was refused."""
        return Draft(draft.texts, self._placed([error]))

    def _placed(self, errors: Sequence[Rejected]) -> Mapping[str, str]:
        """Put each sentence beside its field, the first one where there are several."""
        found: dict[str, str] = {}
        for error in errors:
            found.setdefault(self._place(error), str(error))
        return found

    def _place(self, error: Rejected) -> str:
        path = (error.field or "").split(".")
        places = [(PARAMETERS, *path)] if isinstance(error, InvalidParameters) else [tuple(path)]
        begun = [".".join(place[:depth]) for place in places for depth in range(len(place), 0, -1)]
        return next((name for name in begun if name in self.fields), "")

    def of_values(self, county_id: str | None, parameters: Mapping[str, Any], **asked: Any) -> Draft:
        """Return a draft that is filled in."""
        values = {COUNTY: county_id, PARAMETERS: parameters, **asked}
        return Draft(texts_of(self.fields.values(), values))

    def of_job(self, job: Job) -> Draft:
        """Return a draft that asks what a job was asked; what this analysis does not know is told."""
        parameters = dict(job.parameters or {})
        draft = self.of_values(job.county_id, parameters, priority=job.priority, correlation_id=job.correlation_id)
        unknown = [name for name in parameters if name not in self.analysis.parameters.model_fields]
        text = f"Not taken over, for {self.analysis.name} knows no such parameter: {', '.join(unknown)}."
        return Draft(draft.texts, notice=text if unknown else "")

    def link(self, example: Example) -> str:
        """Return the address of the form with an example filled in."""
        draft = self.of_values(example.county_id, example.parameters)
        pairs = [(name, text) for name, texts in draft.texts.items() for text in texts]
        return f"/ask/{self.analysis.name}" + (f"?{urlencode(pairs)}" if pairs else "")

    def examples(self, counties: Collection[str]) -> Sequence[tuple[Example, str]]:
        """Return the examples that can be asked, with the address of each."""
        return [(one, self.link(one)) for one in self.analysis.examples if one.county_id in (None, *counties)]


def once(key: str, request: AnalysisRequest, data_version: str) -> str:
    """Return the idempotency key of a form: the same form with the same content is the same job, on the same records.

    An address with a key may be kept, and asks anew once the county's records, or the rules of analyses, are others.
    """
    content = f"{data_version}/{RULES_VERSION}/{request.model_dump_json()}"
    return f"{key}/{sha256(content.encode()).hexdigest()}"


@cache
def _request_fields() -> Mapping[str, Field]:
    return {one.name: one for one in (*fields_of(AnalysisRequest), *fields_of(_About))}


def _complaints(
    model: type[BaseModel], values: Any, kind: type[InvalidRequest] = InvalidRequest
) -> Iterator[InvalidRequest]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        yield from rejections(error, kind, model)
