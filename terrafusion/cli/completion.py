"""What a shell may complete: types from the catalogue, counties and jobs from a worker, if one answers at once.

Nobody waits for a completion and nobody reads its errors: what does not answer within a moment completes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from terrafusion.cli.address import view_address
from terrafusion.cli.configuration import read_settings
from terrafusion.errors import TerraFusionError

Read = Callable[[Any], list[tuple[str, str]]]
"""Takes from a body the words and what is told of each."""

PATIENCE_S: Final = 0.6


def analysis_types(incomplete: str) -> Sequence[str]:
    """Complete a type of the catalogue, or another name of one."""
    with suppress(TerraFusionError):
        from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415 - slow to import

        return _beginning(incomplete, load_catalogue(read_settings().modules).names)
    return ()


def counties(incomplete: str) -> Sequence[str]:
    """Complete a county that is loaded."""
    return _beginning(incomplete, dict(_asked("counties", _counties)))


def job_ids(incomplete: str) -> Sequence[tuple[str, str]]:
    """Complete one of the newest jobs, told with what it is."""
    return [(job_id, told) for job_id, told in _asked("list", _jobs) if job_id.startswith(incomplete)]


def _counties(body: Any) -> list[tuple[str, str]]:
    return [(str(county["county_id"]), "") for county in body["counties"]]


def _jobs(body: Any) -> list[tuple[str, str]]:
    told = "{status} {analysis_type} {county_id}"
    return [(str(job["job_id"]), told.format(**job)) for job in body["jobs"]]


def _beginning(incomplete: str, words: Iterable[str]) -> Sequence[str]:
    return sorted(word for word in words if word.startswith(incomplete))


def _asked(path: str, read: Read) -> Sequence[tuple[str, str]]:
    """Ask a worker, in a thread that is left alone when it takes too long: a name may take seconds to be looked up."""
    answer: list[tuple[str, str]] = []
    asking = Thread(target=_ask, args=(path, read, answer), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    return tuple(answer)


def _ask(path: str, read: Read, answer: list[tuple[str, str]]) -> None:
    with suppress(TerraFusionError, OSError, HTTPException, ValueError, LookupError, TypeError):
        settings = read_settings()
        address = urlsplit(view_address(settings))
        speak = HTTPSConnection if address.scheme == "https" else HTTPConnection
        with closing(speak(address.netloc, timeout=PATIENCE_S)) as connection:
            shown = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
            connection.request("GET", f"{address.path.rstrip('/')}/plugins/v1/market-analysis/{path}", headers=shown)
            answer += read(orjson.loads(connection.getresponse().read()))
