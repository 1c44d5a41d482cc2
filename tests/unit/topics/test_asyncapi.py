"""The AsyncAPI document says what the topics carry; its examples are messages that our own models read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from terrafusion.errors import Rejected
from topics.asyncapi import EXAMPLES, asyncapi
from topics.catalogue import CHANGELOG, COMMANDS, DEAD_LETTER, REQUESTS, TOPICS
from topics.events import event_records
from topics.requests import read_request
from topics.schemas import schemas

DOCUMENT: Any = asyncapi("1.2.3")
OURS = [spec for spec in TOPICS if spec is not CHANGELOG]


def word(name: str) -> str:
    return name.split(".")[1]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def at(pointer: str) -> Any:
    found = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_every_topic_is_a_channel_as_the_catalogue_says() -> None:
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == {spec.name for spec in OURS}
    for spec in OURS:
        binding = DOCUMENT["channels"][word(spec.name)]["bindings"]["kafka"]
        assert (binding["topic"], binding["partitions"]) == (spec.name, spec.partitions)
        assert binding["topicConfiguration"].keys() == spec.config.keys()


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 10
    assert all(at(pointer) for pointer in found)


def test_what_comes_in_is_received_and_what_goes_out_is_sent() -> None:
    received = {at(each["channel"]["$ref"])["address"] for each in operations("receive")}
    assert {REQUESTS.name, COMMANDS.name} <= received
    assert DEAD_LETTER.name in {at(each["channel"]["$ref"])["address"] for each in operations("send")}


def operations(action: str) -> list[Any]:
    return [each for each in DOCUMENT["operations"].values() if each["action"] == action]


@pytest.mark.parametrize("spec", [spec for spec in OURS if spec.message], ids=lambda spec: spec.name)
def test_a_message_has_an_example_that_its_schema_allows(spec: Any) -> None:
    message = DOCUMENT["components"]["messages"][word(spec.name)]
    (example,) = message["examples"]
    Draft202012Validator(schemas()[spec.name]).validate(example["payload"])
    hoisted = {**message["payload"], "components": DOCUMENT["components"]}
    Draft202012Validator(hoisted).validate(example["payload"])
    spec.message.model_validate(example["payload"])


def test_the_hoisted_schemas_still_refuse() -> None:
    request = {"$ref": "#/components/schemas/AnalysisRequest", "components": DOCUMENT["components"]}
    wrong = {**EXAMPLES["requests"], "prority": 3}
    assert not Draft202012Validator(request).is_valid(wrong)
    with pytest.raises(Rejected):
        read_request(wrong)


def test_the_headers_are_those_that_events_carry() -> None:
    told = DOCUMENT["components"]["messageTraits"]["cloudEvent"]["headers"]["properties"]
    job = {**EXAMPLES["status"], **EXAMPLES["completed"], "updated_at": "2026-03-01T12:00:05Z", "traceparent": "00-x"}
    for record in event_records(job):
        assert {name for name, _ in record.headers} == set(told)


OFFICIAL = json.loads((Path(__file__).parents[2] / "data" / "asyncapi" / "3.0.0.json").read_text())


def test_it_is_asyncapi() -> None:
    Draft7Validator(OFFICIAL).validate(json.loads(json.dumps(DOCUMENT)))


@pytest.mark.parametrize(
    "broken", [{"asyncapi": "9"}, {"channels": []}, {"info": {}}, {"operations": {"x": {"action": "eat"}}}]
)
def test_the_official_schema_refuses_what_is_none(broken: Any) -> None:
    assert not Draft7Validator(OFFICIAL).is_valid({**DOCUMENT, **broken})
