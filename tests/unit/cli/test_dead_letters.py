"""Which dead letters a command means, and what it says before it deals with many: before any worker is asked for more."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from terrafusion.cli import dead_letters, main
from terrafusion.errors import Conflict, TerraFusionError, Unavailable

KEPT = ("2026-11-24T11:59:59Z", "2026-11-24T12:00:00.999999Z", "2026-11-24T12:00:00+00:00")
"""When the newest letters were kept, the newest id first."""


class Worker:
    """What a worker answers, and what it was told."""

    def __init__(self, total: int = 0, batch: int = 2) -> None:
        self.total = total
        self.batch = batch
        self.said: list[tuple[tuple[str, ...], Any, Any]] = []
        self.refusals: dict[str, TerraFusionError] = {}
        """By the id of a letter, or by the cursor of a call."""

    def get(self, *path: str, **query: Any) -> dict[str, Any]:
        self.said.append((path, None, query))
        return {"dead_letters": [{"created_at": moment} for moment in KEPT], "total": self.total, "next_cursor": None}

    def post(self, *path: str, body: Any, query: Any = None) -> dict[str, Any]:
        self.said.append((path, body, query))
        if path[0] in self.refusals:
            raise self.refusals[path[0]]
        if len(path) > 1:
            return {"id": int(path[0]), "done": True, "message": "Discarded", "job_id": None}
        if query["cursor"] in self.refusals:
            raise self.refusals[query["cursor"]]
        assert body["confirm"] == self.total
        first = int(query["cursor"]) + 1
        ids = range(first, first + min(self.batch, self.total))
        self.total -= len(ids)
        outcomes = [{"id": i, "done": i != 3, "message": "as you said", "job_id": None} for i in ids]
        return {"outcomes": outcomes, "next_cursor": str(ids[-1]) if len(ids) == self.batch else None}

    @property
    def orders(self) -> list[tuple[tuple[str, ...], Any, Any]]:
        return [each for each in self.said if each[1] is not None]


class Terminal(io.StringIO):
    """Where a person types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    made = Worker()
    monkeypatch.setattr(dead_letters, "_get", made.get)
    monkeypatch.setattr(dead_letters, "_post", made.post)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def started(*words: str, answer: str | None = None) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["terrafusion", "dead-letters", *words])
        monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n") if answer is not None else io.StringIO())
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return started


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay",), "given was nothing"),
        (("replay", "7", "--all"), "given was ID, --all"),
        (("replay", "7", "--stage", "decode"), "given was ID, filters"),
        (("replay", "--all", "--topic", "x"), "given was filters, --all"),
        (("discard", "--note", "x"), "given was nothing"),
        (("discard", "7"), "Missing option '--note'"),
        (("replay", "0"), "given was '0'"),
        (("replay", "--all", "--value", "{good}"), "given were 0 IDs"),
        (("replay", "1", "2", "--value", "{good}"), "given were 2 IDs"),
        (("replay", "1", "--value", "{bad}"), "not usable JSON"),
        (("replay", "1", "--value", "{list}"), "must hold a JSON object"),
        (("replay", "1", "--value", "{folder}"), "is a directory"),
        (("replay", "1", "--value", "nowhere.json"), "does not exist"),
        (("list", "--stage", "cook"), "'cook' is not one of"),
    ],
)
def test_what_is_not_clear_is_one_sentence(
    worker: Worker, run: Any, tmp_path: Path, words: Sequence[str], said: str
) -> None:
    contents = {"good": "{}", "bad": "{", "list": "[]"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    places = {name: str(tmp_path / name) for name in contents} | {"folder": str(tmp_path)}
    code, out, err = run(*(word.format(**places) if word.startswith("{") else word for word in words))
    assert (code, out, worker.said) == (2, "", [])
    assert said in err
    assert len(err.splitlines()) == 1


def test_each_that_is_named_once(worker: Worker, run: Any) -> None:
    worker.refusals["8"] = Conflict("dead letter 8 was discarded")
    code, out, _ = run("discard", "7", "8", "7", "--note", "a test", "--json")
    told = json.loads(out)
    assert (code, told["done"], told["refused"]) == (1, 1, 1)
    assert [(o["id"], o["message"]) for o in told["outcomes"]] == [(7, "Discarded"), (8, "dead letter 8 was discarded")]
    assert [each[1] for each in worker.orders] == [{"note": "a test"}] * 2


def test_letters_are_chosen_by_the_county_and_the_type_that_they_name(worker: Worker, run: Any) -> None:
    worker.total = 2
    named = {"county_id": "king_wa", "analysis_type": "noop"}
    asked = ("--county", "king_wa", "--type", "noop")
    code, _, err = run("discard", *asked, "--note", "a test", "--yes")
    assert code == 0
    assert "with county id king_wa, analysis type noop" in err
    ((_, _, query),) = worker.orders
    assert query.items() >= named.items()
    assert worker.said[0][2] == {"limit": dead_letters.NEWEST, **named}


def test_a_line_tells_them(worker: Worker, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"topic": "t", "partition": 3, "offset": 5, "created_at": KEPT[0], "state": "open"}
    entry = {"id": 1, "stage": "validate", "error_class": "E", "error_message": "why", **place}
    named = [("king_wa", "noop"), (None, "noop"), (None, None)]
    found = [entry | {"county_id": county, "analysis_type": kind} for county, kind in named]
    page = {"dead_letters": found, "total": 3, "next_cursor": None}
    monkeypatch.setattr(dead_letters, "_get", lambda **_: page)
    _, out, _ = run("list", "--county", "king_wa")
    assert out.splitlines()[1::2] == ["  t 3/5, king_wa noop: why", "  t 3/5, noop: why", "  t 3/5: why"]


def test_a_corrected_value_is_sent(worker: Worker, run: Any, tmp_path: Path) -> None:
    (tmp_path / "value.json").write_text('{"county_id": "king_wa"}')
    assert run("replay", "7", "--value", str(tmp_path / "value.json"))[0] == 0
    assert worker.orders == [(("7", "replay"), {"value": {"county_id": "king_wa"}}, None)]


def test_many_are_not_dealt_with_where_nobody_can_say_yes(worker: Worker, run: Any) -> None:
    worker.total = 5
    code, out, err = run("replay", "--stage", "decode")
    assert (code, out, worker.orders) == (2, "", [])
    assert "Would replay 5 open dead letters with stage decode" in err


def test_many_go_on_behind_the_last_until_none_is_left(worker: Worker, run: Any) -> None:
    worker.total = 5
    code, out, err = run("discard", "--all", "--note", "a test", "--yes")
    assert [(body["confirm"], query["cursor"]) for _, body, query in worker.orders] == [(5, "0"), (3, "2"), (1, "4")]
    assert "Going to discard 5 open dead letters." in err
    assert out.splitlines() == [f"{i}  {'refused: ' if i == 3 else ''}as you said" for i in range(1, 6)]
    assert code == 1


def test_what_comes_after_the_count_is_not_meant(worker: Worker, run: Any) -> None:
    worker.total = 5
    run("discard", "--until", "2027-01-01T00:00:00Z", "--note", "a test", "--yes")
    assert {query["until"] for _, _, query in worker.orders} == {"2026-11-24T12:00:01+00:00"}


@pytest.mark.parametrize(("error", "code"), [(Conflict("look again"), 1), (Unavailable("no worker answers"), 3)])
def test_what_was_done_before_an_error_is_told(worker: Worker, run: Any, error: TerraFusionError, code: int) -> None:
    worker.total, worker.refusals["4"] = 5, error
    ended, out, err = run("discard", "--all", "--note", "a test", "--yes", "--json")
    told = json.loads(out)
    assert (ended, told["done"], told["refused"]) == (code, 3, 1)
    assert [outcome["id"] for outcome in told["outcomes"]] == [1, 2, 3, 4]
    assert str(error) in err
    worker.total = 5
    ended, out, _ = run("discard", "--all", "--note", "a test", "--yes")
    assert (ended, len(out.splitlines())) == (code, 4)


def test_an_error_before_anything_was_done_is_all_there_is(worker: Worker, run: Any) -> None:
    worker.total, worker.refusals["0"] = 5, Unavailable("no worker answers")
    code, out, err = run("replay", "--all", "--yes", "--json")
    assert (code, out) == (3, "")
    assert "no worker answers" in err


def test_of_those_that_are_named_too(worker: Worker, run: Any) -> None:
    worker.refusals["8"] = Unavailable("no worker answers")
    code, out, err = run("discard", "7", "8", "9", "--note", "a test")
    assert (code, out, len(worker.orders)) == (3, "7  Discarded\n", 2)
    assert "no worker answers" in err


@pytest.mark.parametrize(("answer", "code", "orders"), [("y", 1, 3), ("n", 1, 0), ("", 1, 0)])
def test_a_person_is_asked(worker: Worker, run: Any, answer: str, code: int, orders: int) -> None:
    worker.total = 5
    assert run("replay", "--all", answer=answer)[0] == code
    assert len(worker.orders) == orders


def test_where_there_is_none_nobody_is_asked(worker: Worker, run: Any) -> None:
    code, out, _ = run("replay", "--all")
    assert (code, out, worker.orders) == (0, "No open dead letter is like that.\n", [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "No dead letter is open.\n"),
        (("--topic", "x"), "No dead letter is like that.\n"),
        (("--state", "all"), "No dead letter is like that.\n"),
    ],
)
def test_a_list_of_none_says_so(
    worker: Worker, run: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(dead_letters, "_get", lambda **_: {"dead_letters": [], "total": 0, "next_cursor": None})
    assert run("list", *words) == (0, said, "")
    assert worker.orders == []
