"""Who may go where, and who comes in: a real door, with fakes behind it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import fields
from typing import Any
from uuid import uuid4

import pytest
from support.house import BROWSER, PREFIX, House, opened

from models.access import NEEDS, OF_ALL, TOLD, Action, NewToken, Role
from terrafusion.usecases.attempts import MOST
from terrafusion.usecases.token_holders import KNOWN_AT_MOST_S, KNOWN_FOR_S, TOKEN, digest_of, new_secret
from terrafusion.web import WebDeps
from terrafusion.web.door import SESSION_LASTS
from terrafusion.web.login import local
from terrafusion.web.routes import ROUTES, as_seen


class TestTheTable:
    def test_nothing_else_is_served(self, client: Any) -> None:
        served = {
            (route.method.lower(), route.resource.canonical)
            for route in client.server.app.router.routes()
            if route.method in {"GET", "POST"} and not route.resource.canonical.startswith("/static")
        }
        assert served == {(route.method, route.canonical) for route in ROUTES}
        assert len(served) == len(ROUTES)

    def test_every_action_of_an_address_has_a_role(self) -> None:
        assert {route.action for route in ROUTES if route.action} <= NEEDS.keys()

    def test_what_changes_something_is_told(self) -> None:
        assert {route.action for route in ROUTES if route.method == "post"} <= TOLD

    async def test_every_address_by_every_role(self, house: House) -> None:
        holders = {None: None} | {role: await house.token(role) for role in Role}
        for route in ROUTES:
            action, path = route.action, route.canonical
            address = path.replace("{job_id}", str(uuid4())).replace("{letter_id}", "7")
            for role, secret in holders.items():
                status, _ = await house.ask(secret, address, method=route.method.upper())
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
    of_no_county = {"room", "catalogue", "health", "registry", "door", "now"}
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
        guess = new_secret(TOKEN)
        async with house.client.get(f"{PREFIX}/types", headers={"Authorization": f"Bearer {guess}"}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert (await house.login(guess)).status == 429
        assert (await house.ask(late, f"{PREFIX}/types"))[0] == 200, (
            "no worker that was just started has seen it before"
        )
        assert (await house.login(await house.token(Role.VIEWER))).status == 303
        house.world.clock.tick(KNOWN_FOR_S)
        assert (await house.ask(known, f"{PREFIX}/types"))[0] == 200
        house.world.clock.tick(60)
        assert (await house.ask(guess, f"{PREFIX}/types"))[0] == 401

    async def test_guesses_of_who_is_held_up_are_looked_up_one_after_the_other(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known, late = await house.token(Role.VIEWER), await house.token(Role.VIEWER)
        assert (await house.ask(known, f"{PREFIX}/types"))[0] == 200
        for _ in range(MOST):
            await house.ask(new_secret(TOKEN), f"{PREFIX}/types")
        looked_up, may_go_on, holders = asyncio.Semaphore(0), asyncio.Event(), house.credentials.holders

        async def slow(digests: Any) -> Any:
            looked_up.release()
            await may_go_on.wait()
            return await holders(digests)

        monkeypatch.setattr(house.credentials, "holders", slow)
        secrets = [*(new_secret(TOKEN) for _ in range(20)), late]
        asking = [asyncio.create_task(house.ask(secret, f"{PREFIX}/types")) for secret in secrets]
        await asyncio.wait_for(looked_up.acquire(), 5)
        assert (await house.ask(known, f"{PREFIX}/types"))[0] == 200, "who is known waits for none of them"
        assert looked_up.locked(), "no other is asked about meanwhile"
        may_go_on.set()
        assert [status for status, _ in await asyncio.gather(*asking)] == [429] * 20 + [200]


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

    async def test_a_browser_that_says_no_more_than_its_origin_logs_in_and_sends_forms(self, house: House) -> None:
        """As one does over plain HTTP to another machine."""
        ours = {"Accept": "text/html", "Origin": f"http://127.0.0.1:{house.client.port}"}
        token = await house.token(Role.ANALYST)
        path = f"{PREFIX}/cancel/{await house.world.accept()}"
        for origin, refused in (("null", True), ("http://elsewhere.example", True), (ours["Origin"], False)):
            for address, data in (("/login", {"token": token}), (path, {"reason": "x"})):
                headers = ours | {"Origin": origin}
                async with house.client.post(address, data=data, headers=headers, allow_redirects=False) as answer:
                    assert answer.status == (403 if refused else 303), (address, origin)

    async def test_no_page_hides_where_its_forms_come_from(self, house: House) -> None:
        async with house.client.get("/login", headers=BROWSER) as answer:
            assert answer.headers["Referrer-Policy"] == "same-origin"

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
