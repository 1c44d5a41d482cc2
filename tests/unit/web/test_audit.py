"""What is written down of what was done, and who reads it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from support.house import BROWSER, PREFIX, REQUEST, House, letter

from models.access import Action, Role
from terrafusion.errors import Unavailable
from terrafusion.usecases.token_holders import TOKEN, new_secret


class TestTheAuditLog:
    async def test_what_was_done_and_tried_is_told(self, house: House) -> None:
        analyst, viewer = await house.token(Role.ANALYST), await house.token(Role.VIEWER, name="vic")
        _, job = await house.post(analyst, f"{PREFIX}/run", REQUEST)
        await house.post(analyst, f"{PREFIX}/cancel/{job['job_id']}")
        await house.post(analyst, f"{PREFIX}/cancel/{job['job_id']}")
        _, again = await house.post(analyst, f"{PREFIX}/retry/{job['job_id']}")
        await house.post(analyst, f"{PREFIX}/pause", {})
        await house.post(viewer, f"{PREFIX}/run", REQUEST)
        await house.ask(viewer, f"{PREFIX}/list")
        run, cancel, late, retry, pause, refused = house.world.log.entries
        told = [(e.action, e.outcome, e.who, e.token_id) for e in (run, cancel, late, retry, pause, refused)]
        assert told == [
            (Action.RUN, "done", "ann", 1),
            (Action.CANCEL, "done", "ann", 1),
            (Action.CANCEL, "conflict", "ann", 1),
            (Action.RETRY, "done", "ann", 1),
            (Action.PAUSE, "forbidden", "ann", 1),
            (Action.RUN, "forbidden", "vic", 2),
        ]
        assert {str(e.job_id) for e in (run, cancel, late, retry)} == {job["job_id"]}
        assert {e.county_id for e in (run, cancel, late, retry)} == {"king_wa"}
        assert retry.detail == f"as job {again['job_id']}"
        assert run.address == "127.0.0.1"

    async def test_of_dead_letters(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        house.world.store.dead_letters.keep([letter(n, timestamp=house.world.clock()) for n in range(3)])
        await house.post(operator, f"{PREFIX}/dead-letters/1/discard", {"note": "x"})
        await house.post(operator, f"{PREFIX}/dead-letters/replay?stage=validate", {"confirm": 2})
        one, many = house.world.log.entries
        assert (one.action, one.letter_id, one.outcome) == (Action.DISCARD, 1, "done")
        assert (many.action, many.letter_id, many.detail) == (Action.REPLAY, None, "stage=validate")

    async def test_its_page_and_its_json_go_on_behind_each_other(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        for n in range(5):
            await house.post(operator, f"{PREFIX}/run", REQUEST | {"correlation_id": str(n)})
        _, first = await house.ask(operator, f"{PREFIX}/audit?limit=2&who=ann&action=run")
        _, rest = await house.ask(operator, f"{PREFIX}/audit?cursor={first['next_cursor']}")
        assert [entry["id"] for entry in (*first["entries"], *rest["entries"])] == [5, 4, 3, 2, 1]
        assert rest["next_cursor"] is None
        _, page = await house.ask(operator, "/audit?limit=2&who=ann", headers=BROWSER)
        assert 'href="/audit?who=ann&amp;limit=2&amp;cursor=4"' in page
        _, as_json = await house.ask(operator, "/audit?limit=2", headers={"Accept": "application/json"})
        assert as_json == first
        assert (await house.ask(operator, f"{PREFIX}/audit?nobody=1"))[0] == 400

    async def test_its_form_may_be_left_empty_in_part(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        asked = "/audit?who=&county_id=king_wa&since=2026-03-01T00%3A00&until="
        shown = {"Authorization": f"Bearer {operator}", **BROWSER}
        answer = await house.client.get(asked, headers=shown, allow_redirects=False)
        assert answer.status == 303, await answer.text()
        assert answer.headers["Location"] == "/audit?county_id=king_wa&since=2026-03-01T00%3A00%3A00Z"

    async def test_no_secret_is_in_it_nor_in_the_log(self, house: House, caplog: Any) -> None:
        caplog.set_level("DEBUG")
        secrets = [await house.token(Role.OPERATOR), new_secret(TOKEN)]
        for secret in secrets:
            await house.post(secret, f"{PREFIX}/run", REQUEST)
            await house.post(secrets[0], f"{PREFIX}/dead-letters/replay?token={secret}", {"confirm": 0})
            await house.login(secret)
        secrets += [cookie.value for cookie in house.client.session.cookie_jar]
        assert len(secrets) == 3
        ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
        told = f"{house.world.log.entries} {ours}"
        assert [secret for secret in secrets if secret in told] == []

    async def test_what_is_changed_is_told_with_the_change_and_by_nothing_after_it(
        self, house: House, monkeypatch: Any
    ) -> None:
        async def away(_deed: Any) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(house.world.log, "write", away)
        operator = await house.token(Role.OPERATOR)
        _, job = await house.post(operator, f"{PREFIX}/run", REQUEST)
        _, _ = await house.post(operator, f"{PREFIX}/cancel/{job['job_id']}")
        _, again = await house.post(operator, f"{PREFIX}/retry/{job['job_id']}")
        await house.post(operator, f"{PREFIX}/pause", {"analysis_type": "price_trend_by_zip", "reason": "a fault"})
        await house.post(operator, f"{PREFIX}/resume", {"analysis_type": "price_trend_by_zip"})
        told = [(e.action, e.job_id and str(e.job_id), e.county_id, e.detail) for e in house.world.log.entries]
        names = ("price_trend_by_zip", "simulated_price_trends")
        assert told == [
            ("run", job["job_id"], "king_wa", None),
            ("cancel", job["job_id"], "king_wa", None),
            ("retry", job["job_id"], "king_wa", f"as job {again['job_id']}"),
            *(("pause", None, None, f"type {name}: a fault") for name in names),
            *(("resume", None, None, f"type {name}") for name in names),
        ]
        assert {(e.who, e.token_id, e.address) for e in house.world.log.entries} == {("ann", 1, "127.0.0.1")}

    async def test_what_changed_nothing_is_told_all_the_same(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        job_id = str(uuid4())
        for _ in range(2):
            await house.post(operator, f"{PREFIX}/run", REQUEST | {"job_id": job_id})
        await house.post(operator, f"{PREFIX}/resume", {"county_id": "king_wa"})
        told = [(e.action, e.outcome, e.job_id and str(e.job_id), e.county_id) for e in house.world.log.entries]
        assert told == [("run", "done", job_id, "king_wa")] * 2 + [("resume", "done", None, "king_wa")]

    async def test_an_order_about_many_is_told_of_each(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        ids = [await house.world.accept() for _ in range(3)]
        await house.post(operator, f"{PREFIX}/cancel?county_id=king_wa", {"confirm": 3})
        await house.post(operator, f"{PREFIX}/retry?status=CANCELLED", {"confirm": 3})
        entries = house.world.log.entries
        assert {(e.action, e.job_id, e.outcome) for e in entries[:3]} == {("cancel", i, "done") for i in ids}
        assert {e.detail for e in entries[:3]} == {"county_id=king_wa"}
        assert {(e.action, e.job_id) for e in entries[3:]} == {("retry", job_id) for job_id in ids}
        assert len(entries) == 6
        assert {e.county_id for e in entries} == {"king_wa"}, "so that who sees the county sees it"

    async def test_letters_that_are_dealt_with_at_once_are_told_of_each(self, house: House) -> None:
        operator = await house.token(Role.OPERATOR)
        value = json.dumps(REQUEST).encode()
        kept = [letter(n, value=value if n < 2 else b"{}", timestamp=house.world.clock()) for n in range(4)]
        house.world.store.dead_letters.keep(kept)
        await house.post(operator, f"{PREFIX}/dead-letters/replay?stage=validate", {"confirm": 4})
        await house.post(operator, f"{PREFIX}/dead-letters/discard", {"confirm": 2, "note": "x"})
        told = [(e.action, e.letter_id, e.job_id is not None, e.outcome) for e in house.world.log.entries]
        assert told == [
            ("replay", 1, True, "done"),
            ("replay", 2, True, "done"),
            ("discard", 3, False, "done"),
            ("discard", 4, False, "done"),
        ]

    async def test_a_replay_whose_mark_was_lost_is_told_when_it_is_marked(self, house: House, monkeypatch: Any) -> None:
        operator, letters = await house.token(Role.OPERATOR), house.world.store.dead_letters
        letters.keep([letter(1, value=json.dumps(REQUEST).encode(), timestamp=house.world.clock())])

        async def lost(*_: Any, **__: Any) -> Any:
            raise Unavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(letters, "settle", lost)
            assert (await house.post(operator, f"{PREFIX}/dead-letters/1/replay", {}))[0] == 503
        assert (await house.post(operator, f"{PREFIX}/dead-letters/1/replay", {}))[0] == 202
        told = [(e.action, e.letter_id, e.outcome) for e in house.world.log.entries]
        assert told == [("replay", 1, "done"), ("replay", 1, "service unavailable"), ("replay", 1, "done")]
        assert len({e.job_id for e in house.world.log.entries}) == 1

    async def test_a_log_that_cannot_be_written_undoes_nothing(self, house: House, monkeypatch: Any) -> None:
        async def away(_deed: Any) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(house.world.log, "write", away)
        token = await house.token(Role.ANALYST)
        assert (await house.post(token, f"{PREFIX}/cancel/{uuid4()}"))[0] == 404

    async def test_whatever_stands_in_the_address_can_be_told(self, house: House) -> None:
        token = await house.token(Role.ANALYST)
        assert (await house.post(token, f"{PREFIX}/run?x=%00%ED%A0%80", REQUEST))[0] == 400
        (entry,) = house.world.log.entries
        assert "\0" not in entry.detail
        entry.detail.encode()
