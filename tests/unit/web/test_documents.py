"""The documents as pages: everything that they name can be reached, and nothing is said in code only."""

from __future__ import annotations

import re
from typing import Any

import pytest

from terrafusion.analysis.registry import load_catalogue
from terrafusion.web.documents import DocumentPages, kind_of, shape_of
from terrafusion.web.openapi import openapi
from topics.asyncapi import asyncapi

BROWSER = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
PAGES = ("/docs", "/docs/http", "/docs/topics", "/docs/http/Job")


async def page(client: Any, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=BROWSER)
    text: str = await answer.text()
    assert answer.status == status
    return text


def plain(words: Any) -> str:
    return "".join(text for text, _ in words)


async def test_every_link_of_theirs_leads_somewhere(client: Any) -> None:
    seen: set[str] = set()
    waiting = list(PAGES)
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        text = await page(client, path)
        ids = set(re.findall(r'id="([^"]+)"', text))
        assert {link[1:] for link in re.findall(r'href="(#[^"]+)"', text)} <= ids
        waiting += [link.partition("#")[0] for link in re.findall(r'href="(/docs[^"]*)"', text)]
    assert len(seen) > 30


async def test_every_operation_and_topic_is_told(client: Any) -> None:
    told = await (await client.get("/openapi.json")).json()
    text = await page(client, "/docs/http")
    for path, methods in told["paths"].items():
        assert all(f"{method.upper()} {path}</code></h2>" in text for method in methods)
    assert len(text) < 60_000
    topics = await (await client.get("/asyncapi.json")).json()
    text = await page(client, "/docs/topics")
    for channel in topics["channels"].values():
        assert f'<h2 id="{channel["address"]}">' in text
    assert "correlation_id" in text
    assert "retention.ms" in text


async def test_examples_are_shown(client: Any) -> None:
    assert "roll-2026" in await page(client, "/docs/topics")
    assert "sent by mistake" in await page(client, "/docs/http")


@pytest.mark.parametrize(
    ("path", "key"),
    [("/docs", "openapi"), ("/docs/http", "paths"), ("/docs/topics", "channels"), ("/docs/http/Job", "properties")],
)
async def test_as_json(client: Any, path: str, key: str) -> None:
    assert key in await (await client.get(path, headers=JSON)).json()


async def test_an_unknown_schema(client: Any) -> None:
    await page(client, "/docs/http/Jab", 404)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Job"}, "Job"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}, "list of Job"),
        ({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}, "UUID or null"),
        ({"type": ["string", "null"]}, "text or null"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, "whole number, from 0 to 9"),
        ({"type": "string", "minLength": 1, "maxLength": 100}, "text, 1 to 100 characters"),
        ({"const": "county"}, "always county"),
        ({}, "anything"),
    ],
)
def test_what_a_value_may_be_in_words(schema: Any, words: str) -> None:
    assert plain(kind_of(schema)) == words


def test_a_schema_that_takes_over_another() -> None:
    told = openapi(load_catalogue(), "1")["components"]["schemas"]["JobWithResult"]
    shape = shape_of("JobWithResult", told)
    assert plain(shape.extends) == "Job"
    assert [member.name for member in shape.members] == ["result"]


def test_all_types_can_be_rendered() -> None:
    pages = DocumentPages(openapi=openapi(load_catalogue(), "1"), asyncapi=asyncapi("1"))
    assert {name for name in pages._shapes if name.startswith("parameters.price_index")}
