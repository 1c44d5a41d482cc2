"""Forms made from the catalogue: what they ask, how texts become a request, what is told of a wrong one."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pauses import Scope
from terrafusion.analysis.canonical import canonical
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import Conflict, Unavailable, UnknownCounty
from terrafusion.web.asking.fields import Field, Kind
from terrafusion.web.asking.forms import Draft, Form, once
from terrafusion.web.asking.values import texts_of, values_of

CATALOGUE = load_catalogue()
FORMS = {analysis.name: Form(analysis) for analysis in CATALOGUE}
BROWSER = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
KEY = "0b5d6b5e-3c8e-4f0a-9a51-0c1f5a2f7a10"
ASK = "/ask/price_trend_by_zip"
GOOD = {"key": KEY, "county_id": "king_wa", "parameters.period": "year"}


class Outline(HTMLParser):
    """What a form holds: values by name, and the texts that describe each field."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.values, self.ids, self.invalid, self._name = text, {}, set(), set(), ""
        self.labels: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        told = dict(attrs)
        self.ids.add(told.get("id", ""))
        self.labels.add(told.get("for", ""))
        self.links += [told["href"]] if tag == "a" else []
        if tag in {"input", "textarea", "select"}:
            self._name = told["name"]
            self.invalid |= {self._name} if "aria-invalid" in told else set()
        if (tag == "input" and told.get("type") != "checkbox") or "checked" in told:
            self.values.setdefault(told["name"], []).append(told.get("value", ""))
        if tag == "option" and "selected" in told:
            self.values[self._name] = [told["value"]]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and data.strip():
            self.values[self._name] = [data.strip("\n")]


async def page(client: Any, path: str, status: int = 200) -> Outline:
    answer = await client.get(path, headers=BROWSER)
    assert answer.status == status
    return Outline(await answer.text())


async def send(client: Any, fields: Any, path: str = ASK, **headers: str) -> Any:
    return await client.post(path, data=fields, headers=BROWSER | headers, allow_redirects=False)


def values(field: Field) -> st.SearchStrategy[Any]:
    """Draw what a field may hold, whether or not its analysis would take it."""
    words = st.sampled_from(field.choices or ["x"])
    texts = st.sampled_from(["98103", "O'Brien & Sons, Inc.", "a", "Éire", "<b>", "1e5", "north  end"])
    numbers = st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6).map(lambda value: round(value, 4))
    return {
        Kind.TEXT: texts,
        Kind.DATE: st.dates().map(str),
        Kind.WHOLE: st.integers(-(10**12), 10**12),
        Kind.NUMBER: numbers,
        Kind.CHOICE: words,
        Kind.SWITCH: st.booleans(),
        Kind.CHOICES: st.lists(words, min_size=1, unique=True),
        Kind.LINES: st.lists(texts, min_size=1),
        Kind.NUMBERS: st.lists(numbers, min_size=1),
        Kind.JSON: st.dictionaries(texts, st.integers(-(2**63), 2**63 - 1) | st.booleans() | texts, min_size=1),
    }[field.kind]


class TestFields:
    @pytest.mark.parametrize("name", FORMS)
    def test_every_parameter_that_can_vary_has_a_field(self, name: str) -> None:
        form = FORMS[name]
        told = {one.path[1] for one in form.fields.values() if one.path[0] == "parameters"}
        fixed = {"group_by"} if name in {"price_trend_by_zip", "comparable_market_area"} else set()
        assert told == set(form.analysis.parameters.model_fields) - fixed
        shown = [one.name for section in form.sections for one in section.fields]
        assert sorted([*shown, "county_id"]) == sorted(form.fields)

    def test_a_field_tells_its_bounds_its_default_and_what_it_is_for(self) -> None:
        field = FORMS["trend_analysis"].fields["parameters.confidence_level"]
        assert (field.kind, field.bounds, field.default) == (Kind.NUMBER, "A number from 0.5 to 0.999.", 0.95)
        assert field.about == "Coverage of the intervals."
        inner = FORMS["trend_analysis"].fields["parameters.sale_filter.min_price"]
        assert (inner.default, inner.standing_in) == (10_000.0, "10,000")

    def test_every_kind_of_field_is_met(self) -> None:
        assert {one.kind for form in FORMS.values() for one in form.fields.values()} == set(Kind)

    @pytest.mark.parametrize("name", FORMS)
    def test_an_analysis_says_when_not_to_use_it_and_what_to_try(self, name: str) -> None:
        form = FORMS[name]
        assert form.analysis.not_for.endswith(".")
        assert form.analysis.examples
        for example in form.analysis.examples:
            asked, draft = form.read(form.of_values("king_wa", example.parameters))
            assert asked is not None, draft.errors
            assert canonical(CATALOGUE.check(name, asked.parameters)) == canonical(
                CATALOGUE.check(name, example.parameters)
            )


@settings(max_examples=40)
@given(st.data())
def test_texts_say_what_values_do(data: st.DataObject) -> None:
    fields = list(FORMS[data.draw(st.sampled_from(sorted(FORMS)))].fields.values())
    chosen = data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=8, unique_by=lambda one: one.name))
    given_values: dict[str, Any] = {}
    for one in chosen:
        inner = given_values
        for part in one.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[one.path[-1]] = data.draw(values(one))
    assert values_of(fields, texts_of(fields, given_values)) == given_values


@pytest.mark.parametrize(
    ("name", "field", "text", "told"),
    [
        ("trend_analysis", "parameters.confidence_level", "95%", "confidence_level is '95%': must be a number"),
        ("trend_analysis", "parameters.min_sales", "0", "min_sales is 0: must be greater than or equal to 1"),
        ("trend_analysis", "parameters.period", "quarters", "did you mean quarter?"),
        ("trend_analysis", "parameters.zip_codes", "98103\n9810", "zip_codes.1 is '9810': must be five digits"),
        ("trend_analysis", "parameters.start_date", "2014-13-01", "must be a date such as 2014-05-31"),
        ("trend_analysis", "parameters.sale_filter.min_price", "-1", "sale_filter.min_price is -1"),
        ("trend_analysis", "parameters.seasonal_adjust", "perhaps", "must be true or false"),
        ("price_distribution", "parameters.quantiles", "0.5\nhalf", "quantiles.1 is 'half': must be a number"),
        ("comparable_market_area", "parameters.feature_weights.level", "much", "must be a number"),
        ("ratio_study", "parameters.property_classes", "{", "property_classes is '{': must be an object"),
        ("trend_analysis", "priority", "11", "priority is 11: must be less than or equal to 9"),
        ("trend_analysis", "deadline", "tomorrow", "deadline is 'tomorrow'"),
        ("trend_analysis", "requested_by", "x" * 201, "requested_by"),
        ("trend_analysis", "county_id", "a b", "county_id is 'a b'"),
        ("trend_analysis", "county_id", "", "county_id is missing"),
        ("comparable_sales", "parameters.subject_parcel_ids", "", "subject_parcel_ids is missing"),
    ],
)
def test_a_wrong_value_is_told_beside_its_field(name: str, field: str, text: str, told: str) -> None:
    asked, draft = FORMS[name].read(Draft({"county_id": ["king_wa"], field: [text]}))
    assert asked is None
    assert told in draft.errors[field]


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {"county_id": ["king_wa"], "parameters.min_sales": ["x"], "parameters.seed": ["-1"], "priority": ["x"]}
    _, draft = FORMS["trend_analysis"].read(Draft(wrong))
    assert draft.errors.keys() == {"parameters.min_sales", "parameters.seed", "priority"}


def test_a_form_that_says_something_else_is_another_job() -> None:
    form = FORMS["trend_analysis"]
    one, _ = form.read(form.of_values("king_wa", {"period": "year"}))
    other, _ = form.read(form.of_values("king_wa", {"period": "month"}))
    assert one is not None
    assert other is not None
    assert once("k", one, "v") == once("k", one, "v")
    assert len({once("k", one, "v"), once("k", other, "v"), once("l", one, "v"), once("k", one, "w")}) == 4


def test_a_form_that_is_sent_under_other_rules_is_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = FORMS["trend_analysis"].read(FORMS["trend_analysis"].of_values("king_wa", {}))
    assert one is not None
    before = once("k", one, "v")
    monkeypatch.setattr("terrafusion.web.asking.forms.RULES_VERSION", "next")
    assert once("k", one, "v") != before


class TestTheChoice:
    async def test_offers_every_analysis(self, client: Any) -> None:
        outline = await page(client, "/ask")
        assert ASK in outline.links
        assert "How did prices move in each &lt;ZIP&gt;?" in outline.text
        assert "king_wa" in outline.text

    async def test_a_county_is_carried_on(self, client: Any) -> None:
        assert f"{ASK}?county_id=king_wa" in (await page(client, "/ask?county_id=king_wa")).links

    async def test_as_json(self, client: Any) -> None:
        told = await (await client.get("/ask", headers=JSON)).json()
        assert [entry["form"] for entry in told["types"]] == [ASK]
        assert told["counties"] == ["king_wa"]

    async def test_from_a_job_leads_to_the_form_of_its_type(self, client: Any, world: Any) -> None:
        job_id = await world.accept(analysis_type="simulated_price_trends")
        answer = await client.get(f"/ask?from={job_id}", headers=BROWSER, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, f"{ASK}?from={job_id}")

    @pytest.mark.parametrize(("given_id", "status"), [("7", 400), (str(UUID(int=7)), 404)])
    async def test_from_what_is_no_job(self, client: Any, given_id: str, status: int) -> None:
        await page(client, f"/ask?from={given_id}", status)
        await page(client, f"{ASK}?from={given_id}", status)


class TestTheForm:
    async def test_every_field_has_a_label_and_a_description(self, client: Any) -> None:
        outline = await page(client, ASK)
        fields = set(re.findall(r'(?:input|select|textarea) id="([^"]+)"', outline.text))
        assert {"county_id", "parameters.period", "parameters.min_sales", "requested_by"} <= fields
        assert fields <= outline.labels
        described = set(re.findall(r'aria-describedby="([^"]+)"', outline.text))
        assert {f"{name}-help" for name in fields} <= described <= outline.ids
        assert "A whole number from 1. Default 10." in outline.text

    async def test_an_address_fills_it_in(self, client: Any) -> None:
        outline = await page(client, f"{ASK}?county_id=king_wa&parameters.period=year&parameters.min_sales=5")
        assert outline.values["county_id"] == ["king_wa"]
        assert outline.values["parameters.period"] == ["year"]
        assert outline.values["parameters.min_sales"] == ["5"]

    async def test_an_earlier_job_fills_it_in(self, client: Any, world: Any) -> None:
        job_id = await world.accept(parameters={"period": "year", "gone": 1}, priority=7, correlation_id="batch <7>")
        outline = await page(client, f"{ASK}?from={job_id}&parameters.min_sales=5")
        assert outline.values["county_id"] == ["king_wa"]
        assert outline.values["parameters.period"] == ["year"]
        assert outline.values["parameters.min_sales"] == ["5"]
        assert outline.values["priority"] == ["7"]
        assert outline.values["correlation_id"] == ["batch <7>"]
        assert "no such parameter: gone" in outline.text

    async def test_an_unknown_field_of_the_address_is_refused(self, client: Any) -> None:
        assert "perod is no field" in (await page(client, f"{ASK}?perod=year", 400)).text

    async def test_an_unknown_analysis_is_not_there(self, client: Any) -> None:
        assert "did you mean price_trend_by_zip?" in (await page(client, "/ask/price_trend_by_zp", 404)).text

    async def test_every_form_has_a_key_of_its_own(self, client: Any) -> None:
        assert len({(await page(client, ASK)).values["key"][0] for _ in range(2)}) == 2

    async def test_its_key_is_in_its_address_beside_what_fills_it_in(self, client: Any) -> None:
        asked = f"{ASK}?county_id=king_wa&parameters.period=year"
        answer = await client.get(asked, headers=BROWSER, allow_redirects=False)
        location = answer.headers["Location"]
        assert (answer.status, location.rpartition("&")[0]) == (303, asked)
        first, again = [(await page(client, location)).values["key"] for _ in range(2)]
        assert [location.rpartition("key=")[2]] == first == again

    async def test_as_json(self, client: Any) -> None:
        told = await (await client.get(f"{ASK}?county_id=king_wa&parameters.period=years", headers=JSON)).json()
        assert told["fields"][1]["choices"] == ["month", "year"]
        assert told["request"] is None
        assert "did you mean year?" in told["errors"]["parameters.period"]


class TestSending:
    async def test_makes_a_job_and_leads_to_it(self, client: Any, world: Any) -> None:
        answer = await send(client, GOOD | {"requested_by": "roll desk", "priority": "7"})
        (call,) = world.submit.calls
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/jobs/")
        asked = call["request"]
        assert (asked.county_id, asked.parameters, asked.priority) == ("king_wa", {"period": "year"}, 7)
        assert call["requested_by"] == "roll desk"

    async def test_twice_has_one_key_and_another_content_another(self, client: Any, world: Any) -> None:
        for fields in (GOOD, GOOD, GOOD | {"parameters.period": "month"}):
            await send(client, fields)
        first, again, other = (call["idempotency_key"] for call in world.submit.calls)
        assert first == again != other

    async def test_again_on_other_records_has_another_key(self, client: Any, world: Any) -> None:
        await send(client, GOOD)
        (version,) = await world.counties.current()
        world.counties.add(replace(version, data_version="other"))
        await send(client, GOOD)
        first, again = (call["idempotency_key"] for call in world.submit.calls)
        assert first != again

    async def test_what_is_wrong_stands_beside_what_was_typed(self, client: Any, world: Any) -> None:
        fields = GOOD | {"parameters.min_sales": "<many>", "correlation_id": "kept"}
        answer = await send(client, fields)
        outline = Outline(await answer.text())
        assert answer.status == 422
        assert world.submit.calls == []
        assert outline.invalid == {"parameters.min_sales"}
        assert outline.values["parameters.min_sales"] == ["<many>"]
        assert outline.values["correlation_id"] == ["kept"]
        assert outline.values["parameters.period"] == ["year"]
        assert outline.values["key"] == [KEY]
        assert "min_sales is &#39;&lt;many&gt;&#39;: must be a whole number" in outline.text
        assert "#parameters.min_sales" in outline.links

    @pytest.mark.parametrize(
        ("refusal", "status", "told"),
        [
            (UnknownCounty("no such county", field="county_id"), 422, "no such county"),
            (Conflict("stands for another", field="job_id"), 409, "stands for another"),
            (Unavailable("postgresql://user:hunter2@db"), 503, "may be repeated"),
        ],
    )
    async def test_what_is_refused_keeps_what_was_typed(
        self, client: Any, world: Any, refusal: Exception, status: int, told: str
    ) -> None:
        world.submit.refusal = refusal
        answer = await send(client, GOOD)
        outline = Outline(await answer.text())
        assert answer.status == status
        assert told in outline.text
        assert "hunter2" not in outline.text
        assert outline.values["parameters.period"] == ["year"]

    async def test_a_county_that_is_not_loaded_stays_chosen(self, client: Any, world: Any) -> None:
        world.submit.refusal = UnknownCounty("no such county", field="county_id")
        outline = Outline(await (await send(client, GOOD | {"county_id": "gone_wa"})).text())
        assert outline.values["county_id"] == ["gone_wa"]
        assert outline.invalid == {"county_id"}

    async def test_nothing_is_sent_while_the_intake_is_paused(self, client: Any, world: Any) -> None:
        await world.pauses.pause(Scope.INTAKE, "", reason="certified", requested_by=None)
        answer = await send(client, GOOD)
        assert answer.status == 503
        assert "The intake is paused: certified." in await answer.text()
        assert world.submit.calls == []

    async def test_no_page_of_another_origin_sends(self, client: Any, world: Any) -> None:
        assert (await send(client, GOOD, Origin="https://elsewhere.example")).status == 403
        assert world.submit.calls == []

    async def test_for_a_program(self, client: Any) -> None:
        answer = await client.post(ASK, data=GOOD, headers=JSON)
        assert (answer.status, (await answer.json())["status"]) == (202, "PENDING")
        answer = await client.post(ASK, data={}, headers=JSON)
        problem = await answer.json()
        assert (answer.status, problem["errors"][0]["field"]) == (422, "county_id")

    async def test_a_form_that_cannot_be_read(self, client: Any) -> None:
        many = "&".join(f"x{n}=1" for n in range(1001))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(ASK, data=many, headers=BROWSER | form)
        assert answer.status == 400
