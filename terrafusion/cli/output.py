"""What every command shares: one JSON document on stdout, the rest on stderr, and the exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any, Never

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from terrafusion.errors import Misconfigured, Rejected, TerraFusionError, Unavailable

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]

stderr = Console(stderr=True)
stdout = Console()


def emit(document: Any) -> None:
    """Print the one JSON document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    sys.stdout.flush()


def emit_line(document: Any) -> None:
    """Print one of many JSON documents, each on a line of its own."""
    sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")
    sys.stdout.flush()


def exit_code(error: TerraFusionError) -> int:
    """Say an error as the process' exit code."""
    if isinstance(error, Unavailable):
        return 3
    return 2 if isinstance(error, Rejected | Misconfigured) else 1


def run(app: typer.Typer) -> None:
    """Run the app and end the process; an error of ours or of usage ends it with one sentence and its exit code."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it has to say is in the error
    try:
        sys.exit(app(prog_name="terrafusion", standalone_mode=False))
    except TerraFusionError as error:
        _end(str(error), exit_code(error))
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "terrafusion"
        _end(f"{_complaint(error)} See `{command} --help`.", error.exit_code)


def _complaint(error: UsageError) -> str:
    """Say what is wrong with an argument, and what was given."""
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    given = _given(error.__cause__)
    if given is not None and given not in message:
        message += f"; given was {given}"
    return message if message.endswith("?") else f"{message}."


def _given(cause: BaseException | None) -> str | None:
    return repr(cause.errors(include_url=False)[0]["input"])[:100] if isinstance(cause, ValidationError) else None


def _end(sentence: str, code: int) -> Never:
    stderr.print(f"terrafusion: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
