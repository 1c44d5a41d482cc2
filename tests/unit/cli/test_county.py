"""A county's profile as a file: TOML or JSON, and what is said where it cannot be one."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from terrafusion.cli import main
from terrafusion.cli.county import read_profile
from terrafusion.errors import InvalidRequest

TOML = """
county_id = "lucas_oh"
assessment_level = 0.35
[validity_codes]
00 = true
12 = false
[market_areas."Old West End"]
zip_codes = ["43610", "43620-1234"]
[sale_overrides."P/1995-03-20/1"]
valid = false
reason = "sold to a daughter"
decided_by = "a.lee"
decided_on = 2026-03-01
"""
DECIDED = {"valid": True, "reason": "x", "decided_by": "y", "decided_on": "2026-03-01"}


def test_the_same_profile_as_toml_and_as_json(tmp_path: Path) -> None:
    toml, json = tmp_path / "profile.toml", tmp_path / "profile.json"
    toml.write_text(TOML)
    county, profile = read_profile(toml, None)
    json.write_text(profile.model_dump_json())
    assert county == "lucas_oh"
    assert profile.validity_codes == {"00": True, "12": False}
    assert profile.market_areas["Old West End"].zip_codes == ("43610", "43620")
    assert not profile.sale_overrides["P/1995-03-20/1"].valid
    assert read_profile(json, "lucas_oh") == (county, profile)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"assessment_level": 35}, "assessment_level is 35: must be less than or equal to 1"),
        ({"validity_codes": {"V": "yes"}}, "validity_codes.V is 'yes': must be true or false"),
        ({"market_areas": {"N": {}}}, "market_areas.N is {}: must name neighborhoods or zip_codes"),
        ({"sale_overrides": {"7": {"valid": True}}}, "sale_overrides.7.reason is missing"),
        (
            {"sale_overrides": {"7": DECIDED | {"note": "z"}}},
            "sale_overrides.7.note is not known; known are valid, reason, decided_by, decided_on",
        ),
        (
            {"sale_overrides": {"7": DECIDED | {"decided_on": "03/04/2026"}}},
            "sale_overrides.7.decided_on is '03/04/2026': must be a date such as 2014-05-31",
        ),
        (
            {"market_areas": {"N": {"zip_codes": ["43610", "43620"]}, "S": {"zip_codes": ["43620"]}}},
            "market_areas: ZIP 43620 lies in N and in S; one area is allowed",
        ),
        ({"county_id": "there"}, "county is 'here', and county_id in profile.json is 'there'; they disagree"),
        ({"county_id": 7}, "county is 'here', and county_id in profile.json is 7"),
        ([], "ends in .toml or .json and holds a table of fields"),
        ("{", "which cannot be read"),
    ],
)
def test_what_is_no_profile_is_told_in_a_sentence(tmp_path: Path, given: Any, sentence: str) -> None:
    file = tmp_path / "profile.json"
    file.write_bytes(given.encode() if isinstance(given, str) else orjson.dumps(given))
    with pytest.raises(InvalidRequest) as raised:
        read_profile(file, "here")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["none.toml", "profile.yaml", "folder.json", "latin.toml"])
def test_what_is_no_file_of_a_profile(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "profile.yaml").write_text("roll_year: 2016")
    (tmp_path / "latin.toml").write_bytes(b"county_id = '\xe9'")
    with pytest.raises(InvalidRequest) as raised:
        read_profile(tmp_path / name, "here")
    assert raised.value.field == "file"
    assert "[Errno" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "county is missing; --county or county_id in profile.json must name it"),
        ({"county_id": 7}, "county_id in profile.json is 7; it must be text"),
    ],
)
def test_a_profile_is_of_a_county_that_somebody_names(tmp_path: Path, given: Any, sentence: str) -> None:
    file = tmp_path / "profile.json"
    file.write_bytes(orjson.dumps(given))
    with pytest.raises(InvalidRequest, match=sentence):
        read_profile(file, None)


@pytest.mark.parametrize(("county", "field"), [(None, "county"), ("../up", "county")])
def test_a_county_must_be_named_as_a_request_would(tmp_path: Path, county: str | None, field: str) -> None:
    file = tmp_path / "profile.toml"
    file.write_text("roll_year = 2016")
    with pytest.raises(InvalidRequest) as raised:
        read_profile(file, county)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "by is missing, and this machine has no name for the user of this process"),
        (("--by", ""), "by is ''"),
        (("--by", "a\nlee"), "by is 'a\\nlee'"),
        (("--by", "x" * 201), "allowed is one line of 1 to 200 characters"),
    ],
)
def test_who_sets_it_is_a_line_of_text(
    tmp_path: Path, invoke: Callable[..., tuple[int, str]], words: Sequence[str], sentence: str
) -> None:
    (tmp_path / "profile.json").write_text("{}")
    code, said = invoke("county", "set", str(tmp_path / "profile.json"), "--county", "here", *words)
    assert (code, len(said.splitlines())) == (2, 1)
    assert sentence in said


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command as a user that the machine has no name for."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    def invoked(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["terrafusion", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    monkeypatch.setattr(getpass, "getuser", nobody)
    return invoked
