"""Who may go where, what each sees, and what is written down of it: a real door, with fakes behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID, uuid4

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer

from models.access import NEEDS, OF_ALL, TOLD, Action, NewToken, Role
from models.dead_letters import DeadLetter, Stage
from models.jobs import Origin
from models.pauses import Scope
from terrafusion.adapters.memory.credentials import MemoryCredentials
from terrafusion.errors import Unavailable
from terrafusion.ports import LetterFilter
from terrafusion.usecases.attempts import MOST, Attempts
from terrafusion.usecases.callers import KNOWN_AT_MOST_S, KNOWN_FOR_S, TOKEN, KnownHolders, digest_of, new_secret
from terrafusion.web import WebDeps, application_options, register
from terrafusion.web.door import SESSION_LASTS, Door, guarded
from terrafusion.web.login import local
from terrafusion.web.permissions import ACTIONS
from terrafusion.web.routes import as_seen

PREFIX = "/plugins/v1/market-analysis"
REQUESTS = "market-analysis.requests.v1"
REQUEST = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa"}
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


class Credentials(MemoryCredentials):
    """With a switch that makes them unreachable, and a count of how often they were asked."""

    away = False
    asked = 0

    async def holders(self, digests: Any) -> Any:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        return await super().holders(digests)


@dataclass
class House:
    """The views behind a door, and whoever comes to it."""

    world: Any
    door: Door
    credentials: Credentials
    client: TestClient[Any, Any]

    async def token(self, role: Role, *counties: str, name: str = "ann") -> str:
        secret = new_secret(TOKEN)
        of = frozenset(counties) if counties else None
        await self.credentials.create(NewToken(name=name, role=role, counties=of, digest=digest_of(secret)))
        return secret

    async def ask(self, secret: str | None, path: str, *, method: str = "GET", **sent: Any) -> tuple[int, Any]:
        shown = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers = shown | sent.pop("headers", {})
        async with self.client.request(method, path, headers=headers, allow_redirects=False, **sent) as answer:
            if answer.content_type == "text/event-stream":
                return answer.status, ""
            body = await (answer.json() if "json" in answer.content_type else answer.text())
            return answer.status, body

    async def post(self, secret: str | None, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return await self.ask(secret, path, method="POST", json=body, headers=headers)

    async def login(self, token: str, **sent: Any) -> Any:
        return await self.client.post("/login", data={"token": token, **sent}, headers=BROWSER, allow_redirects=False)

    def told(self) -> list[tuple[str, str, str | None]]:
        return [(entry.action, entry.outcome, entry.who) for entry in self.world.log.entries]


async def opened(world: Any, *, behind_tls: bool = False) -> AsyncIterator[House]:
    credentials = Credentials(clock=world.clock)
    known = KnownHolders(credentials, monotonic=world.clock.seconds, now=world.clock)
    world.door = Door(
        known=known,
        credentials=credentials,
        log=world.log,
        attempts=Attempts(world.clock.seconds),
        behind_tls=behind_tls,
    )
    options = application_options(door=guarded(world.door))
    app = faust.App(f"access-{uuid4()}", web_application_options=options)
    deps = world.deps()
    register(app, replace(deps, submit=world.accepting.submit))
    world.counties.add(replace((await world.counties.current())[0], county_id="lucas_oh"))
    async with TestClient(TestServer(await app.web.wsgi())) as client:
        yield House(world, world.door, credentials, client)


@pytest.fixture
async def house(world: Any) -> AsyncIterator[House]:
    async for made in opened(world):
        yield made


def letter(offset: int, value: bytes = b"{}", **fields: Any) -> DeadLetter:
    place = {"topic": REQUESTS, "partition": 3, "offset": offset, "timestamp": None}
    reason = {"stage": Stage.VALIDATE, "error_class": "InvalidParameters", "error_message": "bad"}
    return DeadLetter(**(place | reason | {"key": None, "value": value, "headers": ()} | fields))


class TestTheTable:
    def test_every_address_is_in_it_and_no_other(self, client: Any) -> None:
        routes = {
            (route.method.lower(), route.resource.canonical)
            for route in client.server.app.router.routes()
            if route.method in {"GET", "POST"} and not route.resource.canonical.startswith("/static")
        }
        assert routes == set(ACTIONS)

    def test_every_action_of_an_address_has_a_role(self) -> None:
        assert {action for action in ACTIONS.values() if action} <= NEEDS.keys()

    def test_what_changes_something_is_told(self) -> None:
        assert {action for (method, _), action in ACTIONS.items() if method == "post"} <= TOLD

    async def test_every_address_by_every_role(self, house: House) -> None:
        holders = {None: None} | {role: await house.token(role) for role in Role}
        for (method, path), action in ACTIONS.items():
            address = path.replace("{job_id}", str(uuid4())).replace("{letter_id}", "7")
            for role, secret in holders.items():
                status, _ = await house.ask(secret, address, method=method.upper())
                needed = NEEDS[action] if action else None
                if needed is None:
                    assert status not in {401, 403} or action is Action.LOGIN, (path, role)
                elif role is None:
                    assert status == 401, (path, role)
                else:
                    assert (status == 403) is not role.includes(needed), (path, role, status)

    async def test_what_tells_of_all_counties_needs_all(self, house: House) -> None:
        assert Action.WATCH in OF_ALL
        whole, part = await house.token(Role.VIEWER), await house.token(Role.OPERATOR, "king_wa")
        assert [(await house.ask(secret, "/metrics"))[0] for secret in (whole, part)] == [200, 403]

    async def test_an_address_that_is_none_tells_nobody_apart(self, house: House) -> None:
        assert (await house.ask(None, "/nowhere"))[0] == 404
        assert (await house.ask(None, f"{PREFIX}/run"))[0] == 405
        assert (await house.ask(None, "/static/app.css"))[0] == 200


def test_of_every_port_of_the_views_it_is_known_how_it_is_narrowed() -> None:
    """Whoever adds one says here why a county's eyes see no more by it."""
    narrowed = {"store", "history", "counties", "live", "letters", "pauses"}
    told_who_asks = {"submit", "commands", "bulk", "office"}
    reached_through_what_is_seen = {"documents", "waiting", "columns"}
    shown_to_who_sees_all = {"workers", "rates", "group"}
    by_the_view = {"log"}
    of_no_county = {"catalogue", "health", "registry", "door", "now"}
    assert {field.name for field in fields(WebDeps)} == (
        narrowed | told_who_asks | reached_through_what_is_seen | shown_to_who_sees_all | by_the_view | of_no_county
    )
    deps = {name: object() for name in (field.name for field in fields(WebDeps))}
    seen = as_seen(WebDeps(**deps))
    assert {name for name, port in deps.items() if getattr(seen, name) is not port} == narrowed


class TestWhoComesIn:
    async def test_who_shows_no_token_is_told_how(self, house: House) -> None:
        async with house.client.get(f"{PREFIX}/list") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="terrafusion"')
            assert "Authorization: Bearer" in (await answer.json())["detail"]

    async def test_what_is_no_token_is_none(self, house: House) -> None:
        for shown in ("Basic eA==", "Bearer", "Bearer a b", "Bearer\ttfm_x", "", "tfm_x", "Token tfm_x"):
            assert (await house.ask(None, f"{PREFIX}/list", headers={"Authorization": shown}))[0] == 401, shown
        assert house.credentials.asked == 0

    async def test_the_word_before_a_token_is_written_either_way(self, house: House) -> None:
        secret = await house.token(Role.VIEWER)
        for word in ("Bearer", "bearer", "BEARER "):
            headers = {"Authorization": f"{word} {secret}"}
            assert (await house.ask(None, f"{PREFIX}/list", headers=headers))[0] == 200
            assert (await house.ask(None, f"{PREFIX}/list", method="HEAD", headers=headers))[0] == 200

    async def test_of_one_that_is_nobodys_nothing_more_is_told(self, house: House) -> None:
        revoked = await house.token(Role.VIEWER)
        await house.credentials.revoke(1)
        bodies = [await house.ask(secret, f"{PREFIX}/list") for secret in (revoked, new_secret(TOKEN), "tfm_short")]
        assert bodies[0] == bodies[1] == bodies[2]
        assert bodies[0][0] == 401
        assert revoked not in str(bodies)

    async def test_a_request_costs_no_query_for_seconds(self, house: House) -> None:
        secret = await house.token(Role.VIEWER)
        for _ in range(20):
            assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 200
        assert house.credentials.asked == 1

    async def test_a_token_that_is_revoked_works_for_seconds_only(self, house: House) -> None:
        secret = await house.token(Role.VIEWER)
        assert (await house.ask(secret, f"{PREFIX}/list"))[0] == 200
        await house.credentials.revoke(1)
        house.world.clock.tick(KNOWN_FOR_S)
        assert KNOWN_FOR_S <= 5
        assert (await house.ask(secret, f"{PREFIX}/list"))[0] == 401

    async def test_while_the_store_is_away_who_was_known_goes_on_for_a_while(self, house: House) -> None:
        secret, other = await house.token(Role.VIEWER), await house.token(Role.VIEWER)
        assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 200
        house.credentials.away = True
        house.world.clock.tick(KNOWN_AT_MOST_S / 2)
        assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 200
        assert (await house.ask(other, f"{PREFIX}/types"))[0] == 503
        house.world.clock.tick(KNOWN_AT_MOST_S)
        assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 503

    async def test_one_that_expires_meanwhile_goes_on_no_longer(self, house: House) -> None:
        secret = new_secret(TOKEN)
        hour = NewToken(name="x", role=Role.VIEWER, counties=None, digest=digest_of(secret), days=60 / 86400)
        await house.credentials.create(hour)
        assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 200
        house.credentials.away = True
        house.world.clock.tick(61)
        assert (await house.ask(secret, f"{PREFIX}/types"))[0] == 503

    async def test_who_guesses_is_held_up_and_nobody_else(self, house: House) -> None:
        known, late = await house.token(Role.VIEWER), await house.token(Role.VIEWER)
        assert (await house.ask(known, f"{PREFIX}/types"))[0] == 200
        for _ in range(MOST):
            assert (await house.ask(new_secret(TOKEN), f"{PREFIX}/types"))[0] == 401
        asked = house.credentials.asked
        async with house.client.get(f"{PREFIX}/types", headers={"Authorization": f"Bearer {late}"}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert (await house.login(late)).status == 429
        assert house.credentials.asked == asked, "nothing is looked up for who is held up"
        house.world.clock.tick(KNOWN_FOR_S)
        assert (await house.ask(known, f"{PREFIX}/types"))[0] == 200
        house.world.clock.tick(60)
        assert (await house.ask(late, f"{PREFIX}/types"))[0] == 200


class TestLogin:
    async def test_who_reads_a_page_is_led_there_and_back(self, house: House) -> None:
        async with house.client.get("/?status=FAILED", headers=BROWSER, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2F%3Fstatus%3DFAILED")
        async with house.client.get("/login?next=%2F%3Fstatus%3DFAILED", headers=BROWSER) as answer:
            assert 'name="next" value="/?status=FAILED"' in await answer.text()
        answer = await house.login(await house.token(Role.VIEWER), next="/?status=FAILED")
        assert (answer.status, answer.headers["Location"]) == (303, "/?status=FAILED")
        async with house.client.get("/", headers=BROWSER) as page:
            text = await page.text()
            assert "ann, viewer" in text
            assert "No login" not in text
            assert 'href="/audit"' not in text

    async def test_its_cookie_is_kept_from_scripts_and_other_sites(self, house: House) -> None:
        (cookie,) = (await house.login(await house.token(Role.VIEWER))).headers.getall("Set-Cookie")
        assert re.match(r"terrafusion=tfs_[\w-]{43};", cookie)
        assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= {
            part.strip() for part in cookie.split(";")
        }
        assert "Secure" not in cookie

    async def test_behind_tls_it_is_of_this_host_alone(self, world: Any) -> None:
        async for house in opened(world, behind_tls=True):
            (cookie,) = (await house.login(await house.token(Role.VIEWER))).headers.getall("Set-Cookie")
            assert cookie.startswith("__Host-terrafusion=tfs_")
            assert "Secure" in cookie
            assert "Domain" not in cookie

    async def test_a_wrong_token_opens_nothing(self, house: House) -> None:
        for token in ("", "tfm_", "wrong", f"tfm_{'x' * 43}", f"tfs_{'x' * 43}"):
            answer = await house.login(token)
            text = await answer.text()
            assert answer.status == 401
            assert "Set-Cookie" not in answer.headers
            assert 'role="alert"' in text
            assert len(token) < 10 or token not in text
        assert house.told() == [("login", "unauthorized", None)] * 5

    async def test_a_session_is_no_token_to_log_in_with(self, house: House) -> None:
        await house.login(await house.token(Role.VIEWER))
        (session,) = house.client.session.cookie_jar
        assert (await house.login(session.value)).status == 401

    async def test_a_change_must_say_its_page(self, house: House) -> None:
        await house.login(await house.token(Role.ANALYST))
        path = f"{PREFIX}/cancel/{await house.world.accept()}"
        assert (await house.post(None, path))[0] == 403
        assert (await house.post(None, path, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
        assert (await house.post(None, path, Origin="https://elsewhere.example"))[0] == 403
        assert (await house.post(None, path, **{"Sec-Fetch-Site": "same-origin"}))[0] == 200

    async def test_no_other_page_logs_somebody_in_or_out(self, house: House) -> None:
        token = await house.token(Role.VIEWER)
        headers = {"Origin": "https://elsewhere.example"}
        for path, data in (("/login", {"token": token}), ("/logout", {})):
            async with house.client.post(path, data=data, headers=headers) as answer:
                assert answer.status == 403

    async def test_logging_out_ends_it_also_for_who_has_a_copy(self, house: House) -> None:
        await house.login(await house.token(Role.VIEWER))
        (session,) = house.client.session.cookie_jar
        copy = {"Cookie": f"terrafusion={session.value}"}
        assert (await house.ask(None, f"{PREFIX}/list"))[0] == 200
        async with house.client.post("/logout", headers=BROWSER, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/login")
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
        assert (await house.ask(None, f"{PREFIX}/list", headers=copy))[0] == 401
        assert [action for action, *_ in house.told()] == ["login", "logout"]

    async def test_a_browser_shows_one_that_has_ended_once(self, house: House) -> None:
        """Else the pages that it refreshes by itself would hold up everybody at its address."""
        await house.login(await house.token(Role.VIEWER))
        house.world.clock.tick(SESSION_LASTS.total_seconds() + 1)
        for headers, refused in (({}, 401), (BROWSER, 303)):
            for _ in range(MOST):
                assert (await house.ask(None, f"{PREFIX}/list", headers=headers))[0] == refused
        assert house.door.attempts.wait_s("127.0.0.1") == 0
        assert (await house.login(await house.token(Role.VIEWER))).status == 303

    async def test_it_ends_with_its_time_and_with_its_token(self, house: House) -> None:
        await house.login(await house.token(Role.VIEWER))
        house.world.clock.tick(SESSION_LASTS.total_seconds() - 1)
        assert (await house.ask(None, f"{PREFIX}/list"))[0] == 200
        house.world.clock.tick(KNOWN_FOR_S + 1)
        assert (await house.ask(None, f"{PREFIX}/list"))[0] == 401
        await house.login(await house.token(Role.VIEWER))
        assert (await house.ask(None, f"{PREFIX}/list"))[0] == 200
        await house.credentials.revoke(2)
        house.world.clock.tick(KNOWN_FOR_S)
        assert (await house.ask(None, f"{PREFIX}/list"))[0] == 401

    @pytest.mark.parametrize(
        "path", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "", "x", "/a\nb", "/\t/x"]
    )
    def test_it_leads_nowhere_else(self, path: str) -> None:
        assert local(path) == "/"

    async def test_where_access_is_off_it_is_said_and_nobody_is_asked(self, client: Any) -> None:
        async with client.get("/login", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
        async with client.get("/", headers=BROWSER) as answer:
            assert "No login: whoever reaches this address may do everything." in await answer.text()


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
