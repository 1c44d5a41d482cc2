"""An analysis that does nothing: what is left is the pipeline."""

from pydantic import BaseModel, ConfigDict

from terrafusion.analysis.api import Analysis, Answer, Progress, Records


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def compute(_records: Records, _parameters: Nothing, _progress: Progress) -> Answer:
    return Answer(summary={"key_finding": "Nothing was asked."})


ANALYSES = (Analysis(name="noop", question="How fast is the pipeline?", parameters=Nothing, compute=compute),)
