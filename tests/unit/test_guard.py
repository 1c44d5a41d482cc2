"""The thread that ends a process whose loop stands still, and what it leaves behind for the next to count."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.troubles import Part
from terrafusion.adapters import guard as guards
from terrafusion.adapters.guard import EXIT_LOOP, EXIT_STOOD_STILL, LOOK_EVERY_S, PATIENCE_S, Guard
from terrafusion.adapters.last_words import LastWords

LOOKS = int(PATIENCE_S / LOOK_EVERY_S)


@pytest.fixture
def words(tmp_path):
    return LastWords(tmp_path / "folder" / "last-words.json")


@pytest.fixture
def ended():
    return []


@pytest.fixture
def guard(words, ended, monkeypatch):
    """One whose looks are the test's, of a loop that has turned once."""
    made = Guard(words, end=ended.append)
    monkeypatch.setattr(made, "_run", lambda: None)
    made._beats = 1
    made.look()
    return made


def looked(guard, ended, *, beats=True):
    """Look until it ends the process; returns how often that was."""
    looks = 0
    while not ended:
        guard._beats += beats
        guard.look()
        looks += 1
    return looks


def test_a_loop_that_beats_is_left_alone(guard, ended):
    for _ in range(3 * LOOKS):
        guard._beats += 1
        guard.look()
    assert ended == []


def test_a_loop_that_stands_still_ends_the_process_says_where_and_is_counted(guard, ended, words):
    with capture_logs() as logs:
        while not ended:
            guard.look()
    assert ended == [EXIT_LOOP]
    assert [(entry["part"], entry["exit_code"]) for entry in logs] == [(Part.LOOP, EXIT_LOOP)]
    assert "test_guard.py" in logs[0]["main_thread"]
    assert words.read() == {"loop": 1}


def test_a_process_that_was_frozen_as_a_whole_is_not_blamed(guard, ended):
    for _ in range(LOOKS - 1):
        guard.look()
    guard._beats += 1
    for _ in range(LOOKS):
        guard.look()
    assert ended == []


def test_one_that_does_not_come_to_its_end_is_ended(guard, ended, words):
    guard.finish_within(5)
    assert (looked(guard, ended), ended) == (5 / LOOK_EVERY_S + 1, [EXIT_STOOD_STILL])
    assert words.read() == {"shutdown": 1}


@pytest.mark.parametrize("beats", [0, 1])
def test_one_that_does_not_begin_is_ended_whether_its_loop_turns_or_is_not_there_yet(words, ended, guard, beats):
    guard._beats = 0
    guard.begin_within(50)
    assert (looked(guard, ended, beats=beats), ended) == (50 / LOOK_EVERY_S + 1, [EXIT_STOOD_STILL])
    assert words.read() == {"start": 1}


def test_one_that_has_begun_is_left_alone(guard, ended):
    guard.begin_within(5)
    guard.begun()
    for _ in range(3 * LOOKS):
        guard._beats += 1
        guard.look()
    assert ended == []


def test_one_that_is_told_to_stop_before_it_began_is_watched_as_well(guard, ended, words):
    guard.begin_within(60)
    guard.finish_within(5)
    guard.begun()
    looked(guard, ended)
    assert words.read() == {"shutdown": 1}


def test_a_log_that_takes_nothing_does_not_keep_it(guard, ended, monkeypatch):
    monkeypatch.setattr(guards, "SAY_S", 0.05)
    monkeypatch.setattr(guard, "_say", lambda *_: asyncio.run(asyncio.sleep(1)))
    while not ended:
        guard.look()
    assert ended == [EXIT_LOOP]


def test_words_add_up_and_what_is_no_file_of_theirs_is_none(words):
    assert words.read() == {}
    for part in (Part.LOOP, Part.CONSUMER, Part.LOOP):
        words.add(part)
    assert words.read() == {"loop": 2, "consumer": 1}
    words._file.write_text("[1]")
    assert words.read() == {}


def test_a_death_amid_a_word_loses_none_of_those_before(words, monkeypatch):
    words.add(Part.LOOP)

    def half(path, data):
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    words.add(Part.LOOP)
    assert words.read() == {"loop": 1}


def test_the_guard_comes_before_its_last_means():
    """Where it can look, the log has the reason and the next worker counts it."""
    assert guards.HOLDS_ALL_S > PATIENCE_S + LOOK_EVERY_S + guards.SAY_S


def test_a_disk_that_takes_nothing_is_borne(tmp_path):
    (tmp_path / "file").write_text("")
    LastWords(tmp_path / "file" / "words.json").add(Part.LOOP)
