"""What is wrong with the arguments is said in one sentence before anything is asked or sent."""

from __future__ import annotations

import sys

import pytest

from terrafusion.cli import main

RUN = ("run", "trend_analysis", "--county", "king_wa")


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAFUSION_KAFKA_BOOTSTRAP", "127.0.0.1:1")


def ended(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "argv", ["terrafusion", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nix", "--county", "king_wa"), "analysis_type is 'nix'; known are FAILING_ANALYSIS_SIM"),
        (("run", "trend_analysis", "--county", "../x"), "county_id is '../x'"),
        (("run", "trend_analysis"), "Missing option '--county'. See `terrafusion run --help`."),
        (("run",), "Missing argument 'TYPE'. See `terrafusion run --help`."),
        ((*RUN, "--params", '{"period": "day"}'), "period is 'day'"),
        ((*RUN, "--params", '{"perod": "day"}'), "perod is not known; known are"),
        ((*RUN, "--params", '{"a": 1, "a": 2}'), "two members named 'a'"),
        ((*RUN, "--params", "[]"), "--params is '[]': it is no object"),
        ((*RUN, "--priority", "12"), "priority is 12"),
        ((*RUN, "--priority", "high"), "'--priority': must be a whole number"),
        ((*RUN, "--priority", "high"), "given was 'high'"),
        ((*RUN, "--deadline", "soon"), "deadline is 'soon'"),
        ((*RUN, "--correlation-id", "a\nb"), "correlation_id is 'a\\nb'"),
        (("status", "7"), "'ID': must be a UUID"),
        (("watch", "7"), "given was '7'"),
        (
            ("list", "--status", "done"),
            "'done' is not one of 'pending', 'running', 'completed', 'failed', 'cancelled'.",
        ),
        (("list", "more"), "unexpected extra argument"),
        (("list", "--nix"), "No such option: --nix"),
        (("dev", "--workers", "0"), "given was '0'"),
        (("lst",), "No such command 'lst'. Did you mean 'list'? See `terrafusion --help`."),
    ],
)
def test_one_sentence(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(words, monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("terrafusion: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("given", ["somewhere", "host:port", "host:1,", " ", "http://host:1"])
def test_brokers_that_are_no_address(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERRAFUSION_KAFKA_BOOTSTRAP", given)
    assert ended(RUN, monkeypatch) == 2
    assert capsys.readouterr().err.startswith("terrafusion: TERRAFUSION_KAFKA_BOOTSTRAP: must be host:port")


@pytest.mark.parametrize("given", [None, ""])
def test_no_brokers(given: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TERRAFUSION_KAFKA_BOOTSTRAP")
    if given is not None:
        monkeypatch.setenv("TERRAFUSION_KAFKA_BOOTSTRAP", given)
    assert ended(RUN, monkeypatch) == 2
    assert "TERRAFUSION_KAFKA_BOOTSTRAP is not set" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("topics",), ("load",)])
def test_without_arguments_there_is_help(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(words, monkeypatch) == 2
    assert f"Usage: {' '.join(['terrafusion', *words])}" in capsys.readouterr().err


def test_help_cuts_no_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(("--help",), monkeypatch) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]
