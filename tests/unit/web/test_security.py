"""What a hostile caller or page may try: through every parameter of every path, and around them."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from support.hostile import PARTS, WORDS
from yarl import URL

from models.messages import AnalysisRequest, Command
from terrafusion.cli.loading import check_county
from terrafusion.errors import InvalidRequest
from terrafusion.web import application_options, register
from terrafusion.web.middleware import everybody
from terrafusion.web.operations import OPERATIONS
from terrafusion.web.query import ListQuery
from terrafusion.web.route import Operation
from terrafusion.web.schemas import SCHEMAS
from topics.catalogue import MAX_REQUEST_BYTES

GOOD = {"job_id": str(UUID(int=7)), "letter_id": "1"}
NO_STREAM = [operation for operation in OPERATIONS if operation.name != "events"]
POSTS = [operation for operation in OPERATIONS if operation.method == "post"]
FOREIGN = (
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1.elsewhere.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Origin": "https://elsewhere.example", "X-Forwarded-Host": "elsewhere.example"},
    {"Origin": "https://elsewhere.example", "Forwarded": "host=elsewhere.example"},
)
LEAKS = ("Traceback", "site-packages", "sqlalchemy", "aiohttp", "/root/", "hunter2")


def address(path: str, **given: str) -> URL:
    for name, good in GOOD.items():
        path = re.sub(rf"{{{name}:[^}}]*}}", quote(given.get(name, good), safe="").replace("\\", "%5c"), path)
    return URL(path, encoded=True)


def sent(operation: Any) -> Any:
    return operation.sends if operation.body else None


async def hold(answer: Any, *, word: str) -> None:
    """Hold an answer to what every answer is, whatever was asked."""
    body = await answer.text()
    assert answer.status < 500, (word, body)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert answer.content_type in {"application/json", "application/problem+json", "text/plain"}
    assert not [leak for leak in LEAKS if leak in body], (word, body)


@pytest.mark.parametrize("operation", NO_STREAM, ids=lambda operation: operation.name)
async def test_words_that_mean_something_elsewhere_mean_nothing_here(client: Any, operation: Operation) -> None:
    method, path = operation.method, operation.path
    for word in WORDS.values():
        asked: list[tuple[URL, dict[str, Any]]] = []
        asked += [(address(path, **{name: word}), {}) for name in GOOD if word and f"{{{name}:" in path]
        asked += [(address(path).with_query({name: word}), {}) for name in (*operation.query.model_fields, "any")]
        asked.append((address(path).with_query({word or "x": "1"}), {}))
        if word.isprintable():
            names = (*operation.headers, "Accept", "X-Requested-By", "X-Forwarded-For", "Last-Event-ID")
            headers = {name: word.encode().decode("latin-1") for name in names}
            asked += [(address(path), {"headers": {name: value}}) for name, value in headers.items()]
        if operation.body:
            fields = SCHEMAS[operation.body]["properties"]
            asked += [(address(path), {"json": {**(operation.sends or {}), name: word}}) for name in (*fields, "any")]
            asked += [(address(path), {"data": word.encode()}), (address(path), {"data": {"note": word, "x": word}})]
        for url, named in asked:
            body = {} if {"json", "data"} & named.keys() or not operation.body else {"json": sent(operation)}
            async with client.request(method, url, **body, **named) as answer:
                await hold(answer, word=f"{url} {named}")


class TestParts:
    """A county and a type become parts of paths, so hardly anything is one."""

    @pytest.mark.parametrize("word", PARTS, ids=repr)
    @pytest.mark.parametrize("name", ["county_id", "analysis_type"])
    def test_of_a_request_an_order_and_a_query(self, name: str, word: str) -> None:
        good = {"county_id": "king_wa", "analysis_type": "trend_analysis"}
        with pytest.raises(ValueError, match=name):
            AnalysisRequest.model_validate(good | {name: word})
        with pytest.raises(ValueError, match=name):
            Command.model_validate({"command": "pause", name: word})
        with pytest.raises(ValueError, match=name):
            ListQuery.model_validate({name: word})

    @pytest.mark.parametrize("word", PARTS, ids=repr)
    def test_of_a_command_line(self, word: str) -> None:
        with pytest.raises(InvalidRequest):
            check_county(word)


class TestForgery:
    """Nobody here is asked for a password, so what a browser is made to send must be refused."""

    @pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.name)
    async def test_no_page_of_another_origin_may_post(self, client: Any, world: Any, operation: Operation) -> None:
        body = sent(operation)
        for headers in FOREIGN:
            for form in ({"json": body}, {"data": {"note": "x", "confirm": "1"}}, {"data": json.dumps(body)}):
                async with client.post(address(operation.path), headers=headers, **form) as answer:
                    assert answer.status == 403, (headers, form)
        assert world.submit.calls == []

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
    async def test_other_methods_change_nothing_either(self, client: Any, method: str) -> None:
        async with client.request(method, "/", headers=FOREIGN[0]) as answer:
            assert answer.status in {403, 405}

    async def test_what_a_proxy_claims_counts_for_nothing(self, client: Any, world: Any) -> None:
        claims = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6"}
        more = {"Forwarded": "for=6.6.6.6;host=evil.example", "X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"}
        job_id = await world.accept()
        for path in ("/", f"/jobs/{job_id}", "/openapi.json", f"/plugins/v1/market-analysis/status/{job_id}"):
            async with client.get(path, headers=claims | more) as answer, client.get(path) as plain:
                assert (answer.status, await answer.text()) == (200, await plain.text())
        page = {"Accept": "text/html"}
        url = f"/plugins/v1/market-analysis/cancel/{job_id}"
        async with client.post(url, headers=claims | more | page, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, f"/jobs/{job_id}")


class TestHost:
    """A name that somebody has lead here is not ours: for the browser we would be of its page's origin."""

    @pytest.fixture
    async def ask(self, world: Any) -> Any:
        app = faust.App(
            f"host-{uuid4()}", web_application_options=application_options(("market.county.example",), door=everybody)
        )
        register(app, world.deps())
        async with TestClient(TestServer(await app.web.wsgi())) as other:

            async def asked(host: str) -> int:
                async with other.get("/livez", headers={"Host": host}) as answer:
                    assert "default-src" in answer.headers["Content-Security-Policy"]
                    return int(answer.status)

            yield asked

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.0.0.1:6066",
            "[::1]:6066",
            "10.0.0.7:80",
            "localhost",
            "LOCALHOST:6066",
            "localhost.:6066",
            "market.county.example",
            "Market.County.Example:443",
        ],
    )
    async def test_ours(self, ask: Any, host: str) -> None:
        assert await ask(host) == 200

    @pytest.mark.parametrize(
        "host",
        [
            "elsewhere.example",
            "elsewhere.example:6066",
            "127.0.0.1.elsewhere.example",
            "localhost.elsewhere.example",
            "market.county.example.elsewhere.example",
            "user@elsewhere.example",
            "127.0.0.1@elsewhere.example",
            "elsewhere.example/127.0.0.1",
            "2130706433",
            "0x7f.1",
            "[nonsense",
            "a b",
        ],
    )
    async def test_not_ours(self, ask: Any, host: str) -> None:
        assert await ask(host) in {400, 421}

    async def test_where_others_may_reach_it_any_name_is_ours(self, client: Any) -> None:
        async with client.get("/livez", headers={"Host": "worker-3:6066"}) as answer:
            assert answer.status == 200


class TestBodies:
    @pytest.mark.parametrize("path", [operation.path for operation in POSTS])
    async def test_too_large_is_413(self, client: Any, path: str) -> None:
        large = json.dumps({"note": "x" * MAX_REQUEST_BYTES}).encode()
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
            async with client.post(address(path), data=large, headers=headers) as answer:
                assert answer.status == 413

    async def test_a_small_body_that_unpacks_to_a_large_one_is_413(self, client: Any, world: Any) -> None:
        bomb = gzip.compress(b" " * 100 * MAX_REQUEST_BYTES)
        async with client.post(address(POSTS[0].path), data=bomb, headers={"Content-Encoding": "gzip"}) as answer:
            assert answer.status == 413
        assert world.submit.calls == []

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "nonsense"])
    async def test_what_cannot_be_unpacked_is_400(self, client: Any, encoding: str) -> None:
        async with client.post(
            address(POSTS[0].path), data=b"\x1f\x8bnot", headers={"Content-Encoding": encoding}
        ) as answer:
            assert answer.status == 400

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            ("application/x-www-form-urlencoded; charset=nonsense", b"note=x"),
            ("application/x-www-form-urlencoded; charset=utf-16", b"note=x"),
            ("application/x-www-form-urlencoded", b"note=%ff"),
            ("application/x-www-form-urlencoded", b"\xff"),
            ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2000))),
            ("application/x-www-form-urlencoded", b"value=[[["),
            ("multipart/form-data; boundary=x", b"--x\r\n"),
            ("multipart/form-data", b"nothing"),
            ("nonsense", b"note=x"),
            ("a/b; charset=\xff".encode().decode("latin-1"), b"{}"),
        ],
    )
    async def test_whatever_a_body_says_it_is(self, client: Any, kind: str, content: bytes) -> None:
        for operation in POSTS:
            async with client.post(address(operation.path), data=content, headers={"Content-Type": kind}) as answer:
                assert answer.status < 500, (operation.path, await answer.text())


@pytest.mark.parametrize(
    "traceparent", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01<script>", f"00-{'0' * 5000}", "01"]
)
async def test_no_more_than_a_trace_context_is_carried_on(client: Any, world: Any, traceparent: str) -> None:
    async with client.post(address(POSTS[0].path), json=sent(POSTS[0]), headers={"traceparent": traceparent}) as answer:
        assert answer.status == 202
    assert world.submit.calls[0]["traceparent"] is None
