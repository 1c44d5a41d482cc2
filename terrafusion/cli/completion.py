"""What a shell may complete: types from the catalogue, counties and jobs from a worker, if one answers at once.

Nobody waits for a completion and nobody reads its errors: what does not answer within a moment completes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import Any, Final

import orjson

from terrafusion.cli.configuration import read_settings
from terrafusion.errors import TerraFusionError

PATIENCE_S: Final = 0.6


def analysis_types(incomplete: str) -> Sequence[str]:
    """Complete a type of the catalogue, or another name of one."""
    with suppress(TerraFusionError):
        from terrafusion.analysis.registry import load_catalogue  # noqa: PLC0415 - slow to import

        return _beginning(incomplete, load_catalogue(read_settings().modules).names)
    return ()


def counties(incomplete: str) -> Sequence[str]:
    """Complete a county that is loaded."""
    return _beginning(incomplete, [each["county_id"] for each in _asked("counties", "counties")])


def job_ids(incomplete: str) -> Sequence[tuple[str, str]]:
    """Complete one of the newest jobs, told with what it is."""
    jobs = {
        job["job_id"]: f"{job['status']} {job['analysis_type']} {job['county_id']}" for job in _asked("list", "jobs")
    }
    return [(job_id, jobs[job_id]) for job_id in jobs if job_id.startswith(incomplete)]


def _beginning(incomplete: str, words: Any) -> Sequence[str]:
    return sorted(word for word in words if word.startswith(incomplete))


def _asked(path: str, name: str) -> Sequence[Any]:
    """Ask a worker, in a thread that is left alone when it takes too long: a name may take seconds to be looked up."""
    answer: list[Any] = []
    asking = Thread(target=_ask, args=(path, name, answer), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    return tuple(answer)


def _ask(path: str, name: str, answer: list[Any]) -> None:
    with suppress(TerraFusionError, OSError, HTTPException, ValueError, LookupError, TypeError):
        settings = read_settings()
        connection = HTTPConnection(settings.http_host, settings.http_port, timeout=PATIENCE_S)
        connection.request("GET", f"/plugins/v1/market-analysis/{path}")
        answer += orjson.loads(connection.getresponse().read())[name]
