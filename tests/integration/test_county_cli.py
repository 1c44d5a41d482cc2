"""Profiles of counties: set, shown, remembered, and in force for the jobs that come after."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from sqlalchemy import make_url
from support.database import Database
from typer.testing import CliRunner, Result

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres import governing
from terrafusion.adapters.postgres.governing import profile_history, set_profile
from terrafusion.analysis.profile import CountyProfile
from terrafusion.cli import county, data
from terrafusion.errors import NotFound

Run = Callable[..., Any]
LEVEL = '{"assessment_level": 0.35}'


@pytest.fixture
def invoke(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", database_url)
    monkeypatch.setenv("TERRAFUSION_DATA_DIR", str(tmp_path / "data"))
    app = typer.Typer()
    for commands in (data, county):
        commands.add(app)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def run(invoke: Callable[..., Result]) -> Run:
    """Run a command that succeeds; its document."""

    def ran(*words: object) -> Any:
        result = invoke(*words, "--json")
        assert result.exit_code == 0, result.exception
        return orjson.loads(result.stdout)

    return ran


@pytest.fixture
def profile(tmp_path: Path) -> Callable[[str], Path]:
    def written(content: str) -> Path:
        file = tmp_path / "profile.json"
        file.write_text(content)
        return file

    return written


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rows = {
        "sales": "parcel_number,sale_date,sale_price\nA,2014-05-31,250000\nB,2015-05-31,300000\n",
        "properties": 'parcel_number,assessed_value\nA,"$210,000"\nC,1\n',
        "listings": "parcel_number,list_date,list_price\nA,2014-03-01,260000\nA,03/04/2014,1\nB,2015-03-31,0\n",
    }
    made = {kind: tmp_path / f"{kind}.csv" for kind in rows}
    for kind, text in rows.items():
        made[kind].write_text(text)
    return made


def test_all_kinds_are_loaded_and_counted(run: Run, files: dict[str, Path], invoke: Callable[..., Result]) -> None:
    told = {kind: run("load", kind, file, "--county", "here") for kind, file in files.items()}
    assert {kind: (each["kind"], each["read"], each["loaded"]) for kind, each in told.items()} == {
        "sales": ("sales", 2, 2),
        "properties": ("properties", 2, 2),
        "listings": ("listings", 3, 1),
    }
    assert told["listings"]["rejected_by_reason"] == {"ambiguous_date": 1, "price_not_positive": 1}
    assert told["listings"]["rejected_file"] == str(files["listings"].with_name("listings.rejected.csv"))
    (known,) = run("counties")["counties"]
    assert (known["sales"], known["properties"], known["listings"]) == (2, 2, 1)
    assert known["data_version"] == told["listings"]["data_version"]
    assert all(len(line) <= 80 for line in invoke("counties").stdout.splitlines())
    spoken = invoke("load", "listings", files["listings"], "--county", "here").stdout
    assert "here: 1 listings" in spoken
    assert "ambiguous_date" in spoken
    assert f"Rejected rows: {told['listings']['rejected_file']}\n" in spoken
    day_first = run("load", "listings", files["listings"], "--county", "here", "--date-order", "day-first")
    assert day_first["new"] == 1


def test_a_profile_makes_a_data_version(run: Run, files: dict[str, Path], profile: Callable[[str], Path]) -> None:
    loaded = run("load", "sales", files["sales"], "--county", "here")
    done = run("county", "set", profile(LEVEL), "--county", "here", "--by", "a.lee")
    assert (done["changed"], done["revision"], done["is_new_version"]) == (True, 2, True)
    (known,) = run("counties")["counties"]
    assert known["data_version"] == done["data_version"] != loaded["data_version"]
    assert known["snapshot_uri"] == loaded["snapshot_uri"]
    assert known["profile"]["assessment_level"] == 0.35
    assert run("load", "sales", files["sales"], "--county", "here")["data_version"] == done["data_version"]


def test_the_same_profile_changes_nothing(run: Run, files: dict[str, Path], profile: Callable[[str], Path]) -> None:
    run("load", "sales", files["sales"], "--county", "here")
    first = run("county", "set", profile(LEVEL), "--county", "here")
    again = run("county", "set", profile('{"assessment_level": 0.35, "roll_year": null}'), "--county", "here")
    assert again == first | {"changed": False, "is_new_version": False}
    assert len(run("county", "history", "here")["revisions"]) == 2


def test_every_former_profile_stays_readable(
    run: Run, files: dict[str, Path], profile: Callable[[str], Path], invoke: Callable[..., Result]
) -> None:
    run("load", "sales", files["sales"], "--county", "here")
    run("county", "set", profile(LEVEL), "--county", "here", "--by", "a.lee")
    run("county", "set", profile('{"county_id": "here", "roll_year": 2016}'))
    history = run("county", "history", "here")["revisions"]
    assert [(each["revision"], each["set_by"]) for each in history] == [
        (1, None),
        (2, "a.lee"),
        (3, getpass.getuser()),
    ]
    assert [each["profile"]["assessment_level"] for each in history] == [1.0, 0.35, 1.0]
    assert sorted(each["set_at"] for each in history) == [each["set_at"] for each in history]
    assert run("county", "show", "here") == {"county_id": "here", **history[2]}
    assert run("county", "show", "here", "--revision", 2) == {"county_id": "here", **history[1]}
    assert "a.lee" in invoke("county", "history", "here").stdout
    assert '"roll_year": 2016' in invoke("county", "show", "here").stdout
    missing = invoke("county", "show", "here", "--revision", 4).exception
    assert isinstance(missing, NotFound)
    assert "1 to 3" in str(missing)


def test_going_back_to_a_profile_is_the_version_of_then(
    run: Run, files: dict[str, Path], profile: Callable[[str], Path]
) -> None:
    loaded = run("load", "sales", files["sales"], "--county", "here")
    run("county", "set", profile(LEVEL), "--county", "here")
    back = run("county", "set", profile("{}"), "--county", "here")
    assert (back["data_version"], back["revision"], back["is_new_version"]) == (loaded["data_version"], 3, True)


def test_a_profile_may_come_before_the_first_load(
    run: Run, files: dict[str, Path], profile: Callable[[str], Path], invoke: Callable[..., Result]
) -> None:
    done = run("county", "set", profile(LEVEL), "--county", "here")
    assert (done["revision"], done["data_version"]) == (1, None)
    assert run("counties") == {"counties": []}
    assert "Nothing of the county is loaded yet" in invoke("county", "set", profile(LEVEL), "--county", "here").stdout
    run("load", "sales", files["sales"], "--county", "here")
    (known,) = run("counties")["counties"]
    assert known["profile"]["assessment_level"] == 0.35
    assert len(run("county", "history", "here")["revisions"]) == 1


def test_of_a_county_that_nobody_knows_nothing_is_shown(invoke: Callable[..., Result]) -> None:
    for command in ("show", "history"):
        missing = invoke("county", command, "nowhere").exception
        assert isinstance(missing, NotFound)
        assert "nowhere" in str(missing)


def test_a_crash_while_setting_leaves_profile_and_version(
    run: Run,
    files: dict[str, Path],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("load", "sales", files["sales"], "--county", "here")
    before = run("counties"), run("county", "history", "here")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(governing, "publish", crash)
        objects = Objects(str(tmp_path / "data/results"))
        with pytest.raises(KeyboardInterrupt):
            set_profile(make_url(database_url), objects, "here", CountyProfile(roll_year=2016), by="a.lee")
    assert (run("counties"), run("county", "history", "here")) == before


def test_a_profile_that_no_history_tells_of_is_remembered_when_it_goes(database_url: str, tmp_path: Path) -> None:
    """A load of the version before, or a hand, wrote it while the new schema was there already."""
    standing = CountyProfile(assessment_level=0.35)
    Database(database_url).rows(
        "INSERT INTO county_profiles (county_id, profile) VALUES ('old', $1)", standing.model_dump_json()
    )
    url, never_opened = make_url(database_url), Objects(str(tmp_path))
    assert profile_history(url, "old") == []
    new = CountyProfile(roll_year=2016)
    assert set_profile(url, never_opened, "old", new, by="a.lee").revision == 2
    assert [(each.profile, each.set_by) for each in profile_history(url, "old")] == [(standing, None), (new, "a.lee")]
