"""Dead letters over HTTP: what is listed, what is told of one, what can be done and what is refused."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from models.dead_letters import DeadLetter, KeptLetter, Stage
from terrafusion.web.letters import letter_body
from topics.catalogue import COMMANDS, COMPLETED, REQUESTS

API = "/plugins/v1/market-analysis/dead-letters"
THEN = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
GOOD = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "parameters": {"period": "year"}}


def letter(number: int = 1, **fields: Any) -> DeadLetter:
    place = {"topic": REQUESTS.name, "partition": 3, "offset": number, "timestamp": THEN}
    content = {"key": b"k", "value": b"junk", "headers": (("correlation_id", b"batch 7"),)}
    reason = {"stage": Stage.DECODE, "error_class": "MalformedMessage", "error_message": f"<b>bad</b> {number}"}
    return DeadLetter(**(place | content | reason | fields))


async def ask(client: Any, path: str = "", **query: Any) -> tuple[int, Any]:
    answer = await client.get(API + path, params=query)
    return answer.status, await answer.json()


async def post(client: Any, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = (
        await client.post(API + path, json=body, headers=named)
        if body is not None
        else await client.post(API + path, headers=named)
    )
    return answer.status, await answer.json()


class TestLooking:
    async def test_open_letters_newest_first_page_by_page(self, client, world):
        world.store.dead_letters.keep(letter(n) for n in range(1, 6))
        seen, cursor = [], {}
        while cursor is not None:
            status, page = await ask(client, limit=2, **cursor)
            assert (status, page["total"]) == (200, 5)
            seen += [entry["id"] for entry in page["dead_letters"]]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert seen == [5, 4, 3, 2, 1]

    async def test_an_entry_says_where_why_and_what_became_of_it(self, client, world):
        job_id = uuid4()
        world.store.dead_letters.keep([letter(17, job_id=job_id, attempts=2)])
        _, page = await ask(client)
        (entry,) = page["dead_letters"]
        assert entry | {"created_at": "now"} == {
            "id": 1,
            "state": "open",
            "stage": "decode",
            "error_class": "MalformedMessage",
            "error_message": "<b>bad</b> 17",
            "topic": REQUESTS.name,
            "partition": 3,
            "offset": 17,
            "timestamp": "2026-02-28T23:59:00Z",
            "job_id": str(job_id),
            "county_id": None,
            "analysis_type": None,
            "attempts": 2,
            "worker": None,
            "first_failed_at": None,
            "created_at": "now",
            "note": None,
            "handled_at": None,
            "handled_by": None,
            "replayed_as": None,
        }

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, [3, 2]),
            ({"state": "all"}, [3, 2, 1]),
            ({"state": "discarded"}, [1]),
            ({"state": "replayed"}, []),
            ({"stage": "publish"}, [3]),
            ({"topic": REQUESTS.name}, [2]),
            ({"error_class": "UnknownCounty"}, [2]),
            ({"job_id": "6f0c9d3e-6b0a-4c5e-9d57-3c1a4f1f6b11"}, [2]),
            ({"county_id": "king_wa"}, [3]),
            ({"analysis_type": "noop"}, [2]),
            ({"county_id": "king_wa", "analysis_type": "noop"}, []),
            ({"since": "2026-03-01T12:00:00Z"}, [3, 2]),
            ({"until": "2026-03-01T12:00:00Z"}, []),
            ({"stage": "publish", "topic": REQUESTS.name}, []),
        ],
    )
    async def test_filters(self, client, world, query, found):
        named = UUID("6f0c9d3e-6b0a-4c5e-9d57-3c1a4f1f6b11")
        world.store.dead_letters.keep(
            [letter(1), letter(2, error_class="UnknownCounty", job_id=named, analysis_type="noop")]
        )
        event = {"topic": COMPLETED.name, "offset": None, "stage": Stage.PUBLISH, "county_id": "king_wa"}
        world.store.dead_letters.park([letter(**event)])
        await post(client, "/1/discard", {"note": "a test of ours"})
        _, page = await ask(client, **query)
        assert [entry["id"] for entry in page["dead_letters"]] == found
        assert page["total"] == len(found)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"state": "lost"}, "state"),
            ({"stage": "cook"}, "stage"),
            ({"job_id": "7"}, "job_id"),
            ({"county_id": "a b"}, "county_id"),
            ({"analysis_type": ""}, "analysis_type"),
            ({"since": "1700000000"}, "since"),
            ({"limit": "0"}, "limit"),
            ({"limit": "501"}, "limit"),
            ({"cursor": "abc"}, "cursor"),
            ({"cursor": str(2**63)}, "cursor"),
            ({"colour": "blue"}, "colour"),
        ],
    )
    async def test_a_query_that_cannot_be_read_is_400(self, client, query, field):
        status, told = await ask(client, **query)
        assert (status, told["field"]) == (400, field)

    async def test_one_letter_is_told_whole(self, client, world):
        value = json.dumps({"county_id": "king_wa"}).encode()
        headers = (("tenant", b"\xff\x00"), ("correlation_id", "Fall/ä".encode()), ("tenant", b""))
        world.store.dead_letters.keep([letter(1, key=b"\xfe", value=value, headers=headers)])
        _, told = await ask(client, "/1")
        assert told["value"] == {"text": value.decode(), "base64": None, "json": {"county_id": "king_wa"}}
        assert (told["key"]["text"], b64decode(told["key"]["base64"])) == (None, b"\xfe")
        assert [header["name"] for header in told["headers"]] == ["tenant", "correlation_id", "tenant"]
        assert [header["text"] for header in told["headers"]] == [None, "Fall/ä", ""]

    @pytest.mark.parametrize("word", ["replay", "discard"])
    async def test_what_stands_for_many_letters_is_no_letter(self, client, word):
        answer = await client.get(f"{API}/{word}")
        assert (answer.status, "GET" in answer.headers["Allow"]) == (405, False)

    @pytest.mark.parametrize("letter_id", ["0", "-1", "x", "1.0", "٣", str(2**63), "9" * 400])
    async def test_what_is_no_number_of_a_letter_is_400(self, client, letter_id):
        status, told = await ask(client, f"/{letter_id}")
        assert (status, told["field"]) == (400, "id")

    async def test_unknown_is_404(self, client):
        assert (await ask(client, "/7"))[0] == 404
        assert (await post(client, "/7/replay"))[0] == 404
        assert (await post(client, "/7/discard", {"note": "gone"}))[0] == 404


@given(st.none() | st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.binary())))
def test_any_bytes_can_be_read_back(key, value, headers):
    whole = letter(key=key, value=value, headers=tuple(headers))
    given_back = letter_body(
        KeptLetter(**{n: getattr(whole, n) for n in DeadLetter.__dataclass_fields__}, id=1, created_at=THEN)
    )
    assert _bytes(given_back["key"]) == key
    assert _bytes(given_back["value"]) == value
    assert [(header["name"], _bytes(header)) for header in given_back["headers"]] == headers


def _bytes(told: Any) -> bytes | None:
    if told is None:
        return None
    return told["text"].encode() if told["base64"] is None else b64decode(told["base64"])


class TestReplay:
    async def test_a_corrected_request_becomes_a_job(self, client, world):
        world.store.dead_letters.keep([letter()])
        status, told = await post(client, "/1/replay", {"value": GOOD}, X_Requested_By="ann")
        assert (status, told["done"], told["job"]["status"]) == (202, True, "PENDING")
        assert (told["job"]["correlation_id"], told["job"]["requested_by"]) == ("batch 7", "ann")
        _, entry = await ask(client, "/1")
        assert (entry["state"], entry["handled_by"]) == ("replayed", "ann")
        assert entry["replayed_as"] == told["job_id"] == told["job"]["job_id"]

    async def test_what_is_refused_again_stays_open_and_says_why(self, client, world):
        world.store.dead_letters.keep(
            [letter(1), letter(2, value=json.dumps(GOOD | {"county_id": "atlantis"}).encode())]
        )
        status, told = await post(client, "/1/replay")
        assert (status, "JSON" in told["detail"]) == (400, True)
        status, told = await post(client, "/2/replay")
        assert (status, "atlantis" in told["detail"]) == (422, True)
        status, told = await post(client, "/2/replay", {"value": GOOD | {"colour": "blue"}})
        assert (status, told["field"]) == (422, "colour")
        assert (await ask(client))[1]["total"] == 2

    async def test_twice_is_409_and_says_as_what_when_and_by_whom(self, client, world):
        world.store.dead_letters.keep([letter()])
        _, first = await post(client, "/1/replay", {"value": GOOD}, X_Requested_By="ann")
        status, told = await post(client, "/1/replay", {"value": GOOD}, X_Requested_By="ben")
        assert status == 409
        assert told["detail"] == f"dead letter 1 was replayed as job {first['job_id']} 2026-03-01 12:00:00 UTC by ann"
        assert (await post(client, "/1/discard", {"note": "too late"}))[0] == 409

    @pytest.mark.parametrize("body", [{"value": []}, {"value": "x"}, {"colour": 1}, [], {"requested_by": ""}])
    async def test_a_body_that_is_wrong_is_refused(self, client, world, body):
        world.store.dead_letters.keep([letter()])
        assert (await post(client, "/1/replay", body))[0] in (400, 422)
        assert (await ask(client))[1]["total"] == 1

    async def test_a_command_is_carried_out(self, client, world):
        job_id = await world.accept()
        order = json.dumps({"command": "cancel", "job_id": str(job_id)}).encode()
        world.store.dead_letters.keep([letter(topic=COMMANDS.name, value=order, stage=Stage.ACCEPT)])
        status, told = await post(client, "/1/replay", X_Requested_By="ann")
        assert (status, told["message"], told["job"]["status"]) == (202, "Carried out: cancel", "CANCELLED")
        assert "ann" in told["job"]["message"]

    async def test_a_record_that_was_too_large_is_published_as_it_was(self, client, world):
        parked = letter(topic=COMPLETED.name, partition=None, offset=None, stage=Stage.PUBLISH)
        world.store.dead_letters.park([parked])
        assert (await post(client, "/1/replay", {"value": GOOD}))[0] == 422
        assert (await post(client, "/1/replay"))[0] == 202
        (told,) = world.store.outbox
        assert (told.topic, told.key, told.value, told.headers) == (
            COMPLETED.name,
            parked.key,
            parked.value,
            parked.headers,
        )

    async def test_what_came_from_nowhere_of_ours_is_409(self, client, world):
        world.store.dead_letters.keep([letter(topic="elsewhere")])
        status, told = await post(client, "/1/replay")
        assert (status, told["field"]) == (409, "topic")


class TestDiscard:
    async def test_with_a_reason(self, client, world):
        world.store.dead_letters.keep([letter()])
        status, told = await post(client, "/1/discard", {"note": "a test of ours"}, X_Requested_By="ann")
        assert (status, told["done"]) == (200, True)
        _, entry = await ask(client, "/1")
        assert (entry["state"], entry["note"], entry["handled_by"]) == ("discarded", "a test of ours", "ann")

    @pytest.mark.parametrize(
        "body", [None, {}, {"note": ""}, {"note": "  "}, {"note": "two\nlines"}, {"note": "x" * 201}]
    )
    async def test_not_without_one_line_of_reason(self, client, world, body):
        world.store.dead_letters.keep([letter()])
        status, told = await post(client, "/1/discard", body)
        assert (status, told["field"]) == (422, "note")
        assert (await ask(client))[1]["total"] == 1


class TestMany:
    async def test_replay_says_of_each_what_came_of_it(self, client, world):
        good = json.dumps(GOOD).encode()
        world.store.dead_letters.keep([letter(1, value=good), letter(2), letter(3, value=good)])
        status, told = await post(client, "/replay", {"confirm": 3})
        assert (status, told["done"], told["refused"], told["next_cursor"]) == (202, 2, 1, None)
        assert [outcome["id"] for outcome in told["outcomes"]] == [1, 2, 3]
        assert [outcome["done"] for outcome in told["outcomes"]] == [True, False, True]
        assert told["outcomes"][1]["problem"]["status"] == 400
        assert (await ask(client))[1]["total"] == 1

    async def test_only_what_the_filters_name(self, client, world):
        world.store.dead_letters.keep([letter(1), letter(2, error_class="UnknownCounty"), letter(3)])
        status, told = await post(client, "/discard?error_class=UnknownCounty", {"confirm": 1, "note": "known"})
        assert (status, [outcome["id"] for outcome in told["outcomes"]]) == (200, [2])
        assert [entry["id"] for entry in (await ask(client))[1]["dead_letters"]] == [3, 1]

    @pytest.mark.parametrize("verb", ["replay", "discard"])
    async def test_another_number_than_expected_does_nothing(self, client, world, verb):
        world.store.dead_letters.keep([letter(1), letter(2)])
        status, told = await post(client, f"/{verb}", {"confirm": 1, **({"note": "x"} if verb == "discard" else {})})
        assert (status, told["field"], told["allowed"]) == (409, "confirm", "2")
        assert (await ask(client))[1]["total"] == 2

    @pytest.mark.parametrize("verb", ["replay", "discard"])
    async def test_no_number_does_nothing(self, client, world, verb):
        world.store.dead_letters.keep([letter()])
        status, told = await post(client, f"/{verb}", {"note": "x"} if verb == "discard" else {})
        assert (status, told["field"]) == (422, "confirm")

    async def test_more_than_one_call_can_do_go_on_behind_the_last(self, client, world):
        world.store.dead_letters.keep(letter(n) for n in range(1, 251))
        status, told = await post(client, "/replay", {"confirm": 250})
        assert (status, len(told["outcomes"]), told["next_cursor"], told["left"]) == (202, 200, "200", 50)
        status, told = await post(client, "/replay?cursor=200", {"confirm": 50})
        assert (status, len(told["outcomes"]), told["next_cursor"]) == (202, 50, None)


class TestPages:
    async def page(self, client, path):
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert answer.status == 200
        return await answer.text()

    async def test_the_list_has_reasons_escaped_and_what_can_be_done_with_all(self, client, world):
        world.store.dead_letters.keep(letter(n) for n in range(1, 4))
        text = await self.page(client, "/dead-letters?error_class=MalformedMessage&limit=2")
        assert "&lt;b&gt;bad&lt;/b&gt; 3" in text
        assert "<b>bad" not in text
        assert "cursor=2" in text
        assert f'action="{API}/replay?error_class=MalformedMessage"' in text
        assert '<input type="hidden" name="confirm" value="3">' in text

    async def test_the_list_is_filtered_by_county_and_type_by_its_form_and_by_its_rows(self, client, world):
        about = {"county_id": "king_wa", "analysis_type": "noop"}
        world.store.dead_letters.keep([letter(1), *(letter(n, **about) for n in range(2, 5))])
        text = await self.page(client, "/dead-letters?stage=decode")
        assert 'href="/dead-letters?stage=decode&amp;county_id=king_wa"' in text
        assert 'href="/dead-letters?stage=decode&amp;analysis_type=noop"' in text
        assert '<input type="hidden" name="stage" value="decode">' in text
        form = await client.get(
            "/dead-letters?stage=decode&county_id=king_wa&analysis_type=&limit=2", allow_redirects=False
        )
        assert (form.status, form.headers["Location"]) == (303, "/dead-letters?stage=decode&county_id=king_wa&limit=2")
        text = await self.page(client, form.headers["Location"])
        assert "cursor=3" in text
        assert f'action="{API}/discard?stage=decode&amp;county_id=king_wa"' in text
        assert '<input type="hidden" name="confirm" value="3">' in text
        assert "/dead-letters/2" in await self.page(client, f"{form.headers['Location']}&cursor=3")

    async def test_a_list_without_letters_offers_nothing(self, client):
        text = await self.page(client, "/dead-letters?state=all")
        assert "<form" not in text

    async def test_a_letter_can_be_corrected_by_its_form(self, client, world):
        world.store.dead_letters.keep([letter(value=b'{"county_id": "<script>"}', headers=(("bin", b"\xff"),))])
        text = await self.page(client, "/dead-letters/1")
        assert "&lt;script&gt;" in text
        assert "{\n  &#34;county_id&#34;" in text, "what is to be corrected has a line a field"
        assert "<script>" not in text
        form = {"value": json.dumps(GOOD), "requested_by": "ann"}
        answer = await client.post(f"{API}/1/replay", data=form, headers={"Accept": "text/html"}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/dead-letters/1")
        text = await self.page(client, "/dead-letters/1")
        assert "by ann" in text
        assert "<form" not in text

    @pytest.mark.parametrize(
        ("typed", "status", "why"), [("{nonsense <b>", 400, "JSON"), ('{"county_id": "<b>"}', 422, "analysis_type")]
    )
    async def test_a_correction_that_is_refused_stays_in_the_form_with_the_reason(
        self, client, world, typed, status, why
    ):
        world.store.dead_letters.keep([letter()])
        form = {"value": typed, "requested_by": "ann"}
        answer = await client.post(f"{API}/1/replay", data=form, headers={"Accept": "text/html"})
        text = await answer.text()
        assert answer.status == status
        assert f"\n{escape(typed)}</textarea>" in text
        assert why in text.partition('id="wrong" role="alert">')[2].partition("</span>")[0]
        assert 'autocomplete="name" value="ann"' in text

    async def test_a_replay_that_is_refused_says_so_while_the_letter_is_open(self, client, world):
        world.store.dead_letters.keep([letter()])
        asked = {"data": {"requested_by": "ann"}, "headers": {"Accept": "text/html"}}
        answer = await client.post(f"{API}/1/replay", **asked)
        assert (answer.status, '<p class="error" role="alert">' in await answer.text()) == (400, True)
        await client.post(f"{API}/1/discard", json={"note": "x"})
        answer = await client.post(f"{API}/1/replay", **asked)
        assert (answer.status, "<form" in await answer.text()) == (409, False)

    async def test_many_by_their_form(self, client, world):
        world.store.dead_letters.keep([letter(1), letter(2, value=json.dumps(GOOD).encode())])
        answer = await client.post(f"{API}/replay", data={"confirm": "2"}, headers={"Accept": "text/html"})
        text = await answer.text()
        assert "1 done, 1 refused" in text
        assert "stays as it is" in text

    async def test_more_than_one_call_can_do_by_their_form(self, client, world):
        world.store.dead_letters.keep(letter(n) for n in range(1, 251))
        said = {"confirm": "250", "note": "junk", "requested_by": "ann"}
        page = await client.post(f"{API}/discard?stage=decode", data=said, headers={"Accept": "text/html"})
        text = await page.text()
        assert f'action="{API}/discard?stage=decode&amp;cursor=200"' in text
        for name, value in (said | {"confirm": "50"}).items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in text

    async def test_another_sites_form_is_refused(self, client, world):
        world.store.dead_letters.keep([letter()])
        answer = await client.post(
            f"{API}/discard", data={"confirm": "1", "note": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert answer.status == 403

    async def test_json_for_who_asks(self, client, world):
        world.store.dead_letters.keep([letter()])
        for path, key in (("/dead-letters", "dead_letters"), ("/dead-letters/1", "value")):
            answer = await client.get(path, headers={"Accept": "application/json"})
            assert key in await answer.json()
