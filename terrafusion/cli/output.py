"""What every command shares: one JSON document on stdout, the rest on stderr, and the exit codes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from typing import Annotated, Any, Final

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from terrafusion.errors import Conflict, Misconfigured, Rejected, TerraFusionError, Unavailable
from terrafusion.validation_messages import must, shown

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]

FAILED: Final = 1
WRONG: Final = 2
AWAY: Final = 3

UNSHOWN: Final = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    127: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
"""What would steer a terminal or turn text around, and the picture that is shown for it."""


class _Plain(Console):
    """A console on which what others wrote is text and nothing else: requests and dead letters are shown here."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, and leave control characters to rich itself."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(segment.text.translate(UNSHOWN), segment.style)


stderr = _Plain(stderr=True)
stdout = _Plain()


def emit(document: Any) -> None:
    """Print the one JSON document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    sys.stdout.flush()


def emit_line(document: Any) -> None:
    """Print one of many JSON documents, each on a line of its own."""
    sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")
    sys.stdout.flush()


def tell(document: Any, text: str, *, json: bool) -> None:
    """Print what a command has to say: the document for a program, the text for a person."""
    if json:
        emit(document)
    else:
        say(text)


def say(text: str) -> None:
    """Print lines on stdout as they are; none is cut."""
    stdout.print(text, markup=False, highlight=False, soft_wrap=True)


def room() -> int | None:
    """Return how many columns a person sees; None where a program reads."""
    return stdout.width if stdout.is_terminal else None


def note(text: str) -> None:
    """Tell the person at the terminal, beside what the command prints."""
    stderr.print(text, markup=False, highlight=False, soft_wrap=True)


def exit_code(error: TerraFusionError) -> int:
    """Say an error as the process' exit code."""
    if isinstance(error, Unavailable):
        return AWAY
    if isinstance(error, Conflict):
        return FAILED
    return WRONG if isinstance(error, Rejected | Misconfigured) else FAILED


def run(app: typer.Typer) -> None:
    """Run the app and end the process; whatever goes wrong ends it with one sentence and an exit code."""
    _open_what_is_closed()
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it has to say is in the error
    sys.exit(_written(_ran(app)))


def _ran(app: typer.Typer) -> Any:
    try:
        return app(prog_name="terrafusion", standalone_mode=False)
    except SystemExit as end:
        return end.code
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "terrafusion"
        return _failed(f"{_complaint(error)} See `{command} --help`.", error.exit_code)
    except TerraFusionError as error:
        return _failed(str(error), exit_code(error))
    except Exception as error:  # the boundary of the process
        if sys.flags.dev_mode:
            raise
        return _failed(_unforeseen(error), FAILED)


def _open_what_is_closed() -> None:
    """Give a process that was started without stdout or stderr ones that nobody reads."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it stays open to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _written(code: Any) -> Any:
    """Hand over what is still to be printed; nobody may be there any more to read it, or no room for it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED if isinstance(error, BrokenPipeError) else _failed(_unforeseen(error), FAILED)
    return code


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}."
    where = "`python -X dev -m terrafusion …` shows where"
    return f"Something went wrong here: {type(error).__name__}: {str(error).partition(chr(10))[0]}; {where}."


def _complaint(error: UsageError) -> str:
    """Say what is wrong with an argument, and what was given."""
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error.__cause__, ValidationError):
        fault = error.__cause__.errors(include_url=False)[0]
        message = message.replace(fault["msg"].rstrip("."), must(fault))
        given = shown(fault["input"])
        message += "" if given in message else f"; given was {given}"
    return message if message.endswith("?") else f"{message}."


def _failed(sentence: str, code: int) -> int:
    stderr.print(f"terrafusion: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    return code
