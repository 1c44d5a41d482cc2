"""What each sees: a county's eyes see no other county."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from support.house import BROWSER, PREFIX, REQUEST, REQUESTS, House, letter

from models.access import Role
from models.jobs import Origin
from models.pauses import Scope
from terrafusion.ports.letters import LetterFilter
from terrafusion.usecases.token_holders import KNOWN_FOR_S


class TestACountysEyes:
    """Of other counties there is nothing: no job, no event, no letter, no name, no count."""

    @pytest.fixture
    async def secret(self, house: House) -> str:
        return await house.token(Role.OPERATOR, "king_wa")

    @pytest.fixture
    async def hidden(self, house: House) -> str:
        return str(await house.world.accept(county_id="lucas_oh"))

    async def test_a_job_of_another_is_as_one_that_nobody_has(self, house: House, secret: str, hidden: str) -> None:
        nobodys = str(uuid4())
        for path in (f"{PREFIX}/status/", f"{PREFIX}/results/", f"{PREFIX}/events/", "/jobs/"):
            told = [await house.ask(secret, path + each) for each in (hidden, nobodys)]
            assert told[0][0] == 404, path
            assert str(told[0]).replace(hidden, "") == str(told[1]).replace(nobodys, "")
        for verb in ("cancel", "retry"):
            told = [await house.post(secret, f"{PREFIX}/{verb}/{each}") for each in (hidden, nobodys)]
            assert told[0][0] == 404, verb
            assert str(told[0]).replace(hidden, "") == str(told[1]).replace(nobodys, "")
        assert (await house.world.store.get(UUID(hidden))).status == "PENDING"

    async def test_also_where_it_is_live(self, house: House, secret: str, hidden: str) -> None:
        house.world.live.tell(await house.world.event(UUID(hidden)))
        house.world.store.away = True
        assert (await house.ask(secret, f"{PREFIX}/status/{hidden}"))[0] == 503

    async def test_lists_and_counts(self, house: House, secret: str, hidden: str) -> None:
        own = str(await house.world.accept())
        _, body = await house.ask(secret, f"{PREFIX}/list")
        assert [job["job_id"] for job in body["jobs"]] == [own]
        assert (await house.ask(secret, f"{PREFIX}/list?county_id=lucas_oh"))[1]["jobs"] == []
        _, body = await house.ask(secret, f"{PREFIX}/counties")
        assert [county["county_id"] for county in body["counties"]] == ["king_wa"]
        _, page = await house.ask(secret, "/", headers=BROWSER)
        assert "<b>1</b> all" in page
        assert "lucas_oh" not in page
        assert hidden not in page

    async def test_no_page_names_another(self, house: House, secret: str, hidden: str) -> None:
        own = await house.world.accept()
        for path in (
            "/",
            "/counties",
            "/ask",
            "/ask/price_trend_by_zip?key=k",
            "/pauses",
            "/dead-letters",
            f"/jobs/{own}",
        ):
            status, page = await house.ask(secret, path, headers=BROWSER)
            assert status == 200, path
            assert "lucas_oh" not in page, path
            assert hidden[:8] not in page, path
        told = [await house.ask(secret, f"/counties/{county}", headers=BROWSER) for county in ("lucas_oh", "not_oh_oh")]
        assert told[0][0] == 404
        assert told[0][1].replace("lucas_oh", "") == told[1][1].replace("not_oh_oh", "")
        told = [
            await house.ask(secret, f"/compare?first={own}&second={each}", headers=BROWSER)
            for each in (hidden, uuid4())
        ]
        assert told[0][0] == told[1][0] != 200

    async def test_what_a_role_may_not_do_is_not_offered(self, house: House) -> None:
        viewer, part = await house.token(Role.VIEWER), await house.token(Role.OPERATOR, "king_wa")
        await house.world.pauses.pause(Scope.COUNTY, "king_wa", reason=None, requested_by=None)
        job = await house.world.accept()
        for path, offer in ((f"/jobs/{job}", "Cancel"), ("/pauses", "Pause a county")):
            shown = [(await house.ask(each, path, headers=BROWSER))[1] for each in (viewer, part)]
            assert [f">{offer}</button>" in page for page in shown] == [False, True], path
            assert "Your name" not in shown[1]
            assert ["/workers" in page for page in shown] == [True, False], "it tells of all counties"

    async def test_requests(self, house: House, secret: str) -> None:
        status, other = await house.post(secret, f"{PREFIX}/run", REQUEST | {"county_id": "lucas_oh"})
        assert (status, other["allowed"]) == (422, "king_wa")
        assert "lucas_oh" not in str((await house.post(secret, f"{PREFIX}/run", REQUEST | {"county_id": "none"}))[1])
        status, body = await house.post(secret, f"{PREFIX}/run", REQUEST, **{"X-Requested-By": "somebody else"})
        assert (status, body["requested_by"]) == (202, "ann")

    async def test_another_countys_key_is_another(self, house: House, secret: str) -> None:
        other = await house.token(Role.ANALYST, "lucas_oh", name="bob")
        key = {"Idempotency-Key": "roll-17"}
        _, first = await house.post(secret, f"{PREFIX}/run", REQUEST, **key)
        status, second = await house.post(other, f"{PREFIX}/run", REQUEST | {"county_id": "lucas_oh"}, **key)
        assert status == 202
        assert (await house.post(secret, f"{PREFIX}/run", REQUEST, **key))[1]["job_id"] == first["job_id"]
        assert second["job_id"] != first["job_id"]

    async def test_pauses(self, house: House, secret: str) -> None:
        for scope, name in ((Scope.COUNTY, "lucas_oh"), (Scope.COUNTY, "king_wa"), (Scope.TYPE, "price_trend_by_zip")):
            await house.world.pauses.pause(scope, name, reason=None, requested_by=None)
        _, body = await house.ask(secret, f"{PREFIX}/pauses")
        assert {(pause["county_id"], pause["analysis_type"]) for pause in body["pauses"]} == {
            ("king_wa", None),
            (None, "price_trend_by_zip"),
        }
        for verb in ("pause", "resume"):
            assert (await house.post(secret, f"{PREFIX}/{verb}", {"county_id": "king_wa"}))[0] == 200
            assert (await house.post(secret, f"{PREFIX}/{verb}", {"county_id": "lucas_oh"}))[0] == 422
            assert (await house.post(secret, f"{PREFIX}/{verb}", {}))[0] == 403
            assert (await house.post(secret, f"{PREFIX}/{verb}", {"analysis_type": "price_trend_by_zip"}))[0] == 403

    async def test_pages_to_ask_and_to_compare(self, house: House, secret: str, hidden: str) -> None:
        for path in ("/ask", "/ask/price_trend_by_zip?key=k", "/counties", "/pauses", "/compare"):
            status, page = await house.ask(secret, path, headers=BROWSER)
            assert (status, "lucas_oh" in page, hidden in page) == (200, False, False), path
        for path in ("/counties/lucas_oh", f"/ask?from={hidden}", f"/ask/price_trend_by_zip?from={hidden}"):
            assert (await house.ask(secret, path))[0] == 404, path
        own = await house.world.accept()
        assert (await house.ask(secret, f"/compare?first={own}&second={hidden}"))[0] == 404
        form = {"county_id": "lucas_oh"}
        status, _ = await house.ask(secret, "/ask/price_trend_by_zip", method="POST", data=form)
        assert status == 422
        assert (await house.ask(secret, "/pauses/pause", method="POST", data=form))[0] == 422
        assert (await house.ask(secret, "/pauses/pause", method="POST"))[0] == 403

    async def test_a_form_is_sent_in_the_name_of_who_sends_it(self, house: House, secret: str) -> None:
        form = {"county_id": "king_wa", "requested_by": "somebody else"}
        sent = {"method": "POST", "data": form, "headers": {"Accept": "application/json"}}
        status, job = await house.ask(secret, "/ask/price_trend_by_zip", **sent)
        assert (status, job["requested_by"]) == (202, "ann")
        assert house.told()[-1] == ("run", "done", "ann")
        await house.ask(secret, "/pauses/pause", method="POST", data=form)
        assert house.told()[-1] == ("pause", "done", "ann")
        await house.ask(secret, "/pauses/resume", method="POST", data=form)
        assert house.told()[-1] == ("resume", "done", "ann")

    async def test_dead_letters(self, house: House, secret: str) -> None:
        own = await house.world.accept(county_id="king_wa", origin=Origin(REQUESTS, 3, 1))
        other = await house.world.accept(county_id="lucas_oh", origin=Origin(REQUESTS, 3, 2))
        now = house.world.clock()
        house.world.store.dead_letters.keep(
            [
                letter(1, timestamp=now, job_id=own),
                letter(2, timestamp=now, job_id=other),
                letter(9, timestamp=now, job_id=own),
            ]
        )
        _, body = await house.ask(secret, f"{PREFIX}/dead-letters")
        assert ([each["id"] for each in body["dead_letters"]], body["total"]) == ([1], 1)
        for each in (2, 3):
            assert (await house.ask(secret, f"{PREFIX}/dead-letters/{each}"))[0] == 404
            for verb, said in (("replay", {}), ("discard", {"note": "x"})):
                assert (await house.post(secret, f"{PREFIX}/dead-letters/{each}/{verb}", said))[0] == 404
        assert (await house.post(secret, f"{PREFIX}/dead-letters/discard", {"note": "x", "confirm": 3}))[0] == 409
        corrected = {"value": REQUEST | {"county_id": "lucas_oh"}}
        assert (await house.post(secret, f"{PREFIX}/dead-letters/1/replay", corrected))[0] == 422
        done = await house.post(secret, f"{PREFIX}/dead-letters/discard", {"note": "x", "confirm": 1})
        assert done[1]["done"] == 1
        kept = {
            each.id: each
            for each in await house.world.store.dead_letters.page(LetterFilter(state=None), before=None, limit=9)
        }
        assert (kept[1].handled_by, kept[2].handled_by, kept[3].handled_by) == ("ann", None, None)

    async def test_events_of_all(self, house: House, secret: str, hidden: str) -> None:
        own = await house.world.accept()
        async with house.client.get(f"{PREFIX}/events", headers={"Authorization": f"Bearer {secret}"}) as stream:
            await house.world.live.followed_by(1)
            for job_id in (UUID(hidden), own, UUID(hidden)):
                house.world.live.tell(await house.world.event(job_id))
            lines = [await asyncio.wait_for(stream.content.readline(), 5) for _ in range(3)]
            assert str(own) in lines[2].decode()
            await house.credentials.revoke(1)
            house.world.clock.tick(KNOWN_FOR_S)
            house.world.live.tell(await house.world.event(own))
            rest = await asyncio.wait_for(stream.content.read(), 10)
            assert rest.count(b"data:") == 1, "what was told before it was revoked, and nothing since"

    async def test_the_audit_log(self, house: House, secret: str) -> None:
        everything = await house.token(Role.OPERATOR, name="eve")
        for county in ("king_wa", "lucas_oh"):
            assert (await house.post(everything, f"{PREFIX}/run", REQUEST | {"county_id": county}))[0] == 202
        told = [(await house.ask(each, f"{PREFIX}/audit"))[1]["entries"] for each in (everything, secret)]
        assert [[entry["county_id"] for entry in entries] for entries in told] == [["lucas_oh", "king_wa"], ["king_wa"]]
