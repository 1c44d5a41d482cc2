"""What others wrote is shown on a terminal, and does nothing to it."""

from __future__ import annotations

import pytest
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from terrafusion.cli import output

FORGED = {
    "title of the window": "\x1b]0;gone\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "colour": "\x1b[31mred\x1b[0m",
    "line before": "\x1b[1A\x1b[2Kall is well",
    "line again": "refused\rall is well",
    "backspace": "bad\b\b\bgood",
    "eight bits": "\x9b31mred",
    "backwards": "\u202egood",
    "isolated": "\u2066good\u2069",
    "deleted": "a\x7f",
}


def table(text: str) -> Table:
    made = Table("name", text)
    made.add_row("a", text)
    return made


@pytest.mark.parametrize("text", FORGED.values(), ids=[*FORGED])
@pytest.mark.parametrize("shape", [str, Text, table, Panel, lambda text: Group(text, Text(text))])
def test_no_control_character_reaches_it(shape, text, capsys):
    output.stdout.print(shape(text), markup=False)
    output.stderr.print(shape(text), markup=False)
    output.say(text)
    output.note(text)
    told = "".join(capsys.readouterr())
    assert not {c for c in told if c in text and not c.isprintable()}
    assert "\x1b" not in told
    assert "\r" not in told


def test_what_is_plain_stays_as_it_is(capsys):
    output.say("Prices rose: 5 %\n  in König·stadt ✓")
    assert capsys.readouterr().out == "Prices rose: 5 %\n  in König·stadt ✓\n"
