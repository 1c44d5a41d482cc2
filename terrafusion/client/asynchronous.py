"""The client itself: one coroutine a question, asked again while the service is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from uuid import UUID, uuid4

from models.jobs import TERMINAL, JobStatus
from models.messages import JobStatusChanged
from terrafusion.client.answers import Damaged, NotCompleted, RemoteJob, Result
from terrafusion.client.wire import Wire
from terrafusion.errors import Unavailable

if TYPE_CHECKING:
    import polars as pl

LOCAL: Final = "http://127.0.0.1:6066"
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
PATIENCE_S: Final = 60.0
PAGE: Final = 500

T = TypeVar("T")


class AsyncClient:
    """Asks any worker of any job.

    ``patience_s`` is how long a service that is away is asked again; then its Unavailable is raised. What the service
    refuses is raised at once, as `terrafusion.errors.Rejected` or a kind of it, with field, value and what is allowed.
    What changes something is sent with an identity of its own, so that asking again does nothing twice.
    """

    def __init__(self, url: str = LOCAL, *, token: str | None = None, patience_s: float = PATIENCE_S) -> None:
        self._wire = Wire(url, token=token)
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._wire.__aexit__(*error)

    async def run(
        self,
        analysis_type: str,
        county_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        job_id: UUID | None = None,
        priority: int | None = None,
        deadline: datetime | None = None,
        correlation_id: str | None = None,
    ) -> RemoteJob:
        """Have an analysis run and return its job, as it was accepted.

        The same ``job_id`` with the same request is the same job; with another it is a Conflict.
        """
        said = {
            "job_id": job_id or uuid4(),
            "analysis_type": analysis_type,
            "county_id": county_id,
            "parameters": parameters or {},
            "priority": priority,
            "deadline": deadline,
            "correlation_id": correlation_id,
        }
        body = {name: value for name, value in said.items() if value is not None}
        return RemoteJob.model_validate(await self._patiently(lambda: self._wire.post("run", body=body)))

    async def ask(
        self, analysis_type: str, county_id: str, parameters: Mapping[str, Any] | None = None, **said: Any
    ) -> Result:
        """Have an analysis run, wait for its end, and return what it found; ``said`` as for `run`. Raises NotCompleted."""
        job = await self.run(analysis_type, county_id, parameters, **said)
        await self.wait(job.job_id)
        return await self.result(job.job_id)

    async def status(self, job_id: UUID | str) -> RemoteJob:
        """Return a job as it stands; raises NotFound."""
        return RemoteJob.model_validate(await self._get("status", str(job_id)))

    async def wait(self, job_id: UUID | str, *, timeout_s: float | None = None) -> RemoteJob:
        """Return a job once it has ended, however; raises TimeoutError where it does not within ``timeout_s``."""
        async with asyncio.timeout(timeout_s), aclosing(self.events(job_id)) as events:
            async for _ in events:
                pass
        return await self.status(job_id)

    async def events(self, job_id: UUID | str) -> AsyncGenerator[JobStatusChanged, None]:
        """Yield how a job stands, and each change once, up to its end; goes on where another worker takes over."""
        seen = 0
        async with aclosing(self._told(UUID(str(job_id)))) as told:
            async for event in told:
                if event.sequence > seen:
                    seen = event.sequence
                    yield event
                if event.status in TERMINAL:
                    return

    async def _told(self, job_id: UUID) -> AsyncGenerator[JobStatusChanged, None]:
        """Yield events for ever, those of a stream that is opened again a second time.

        Patience begins when a stream ends: one that is open may be silent for as long as its job waits.
        """
        now = asyncio.get_running_loop().time
        until = now() + self._patience_s
        while True:
            opened = False
            try:
                async with aclosing(self._wire.events(job_id)) as events:
                    async for event in events:
                        opened = True
                        yield event
            except Unavailable:
                if not opened and now() >= until:
                    raise
            if opened:
                until = now() + self._patience_s
            await asyncio.sleep(FIRST_PAUSE_S)

    async def result(self, job_id: UUID | str) -> Result:
        """Return what a job found; raises NotCompleted where it failed, was cancelled or has not ended."""
        body = await self._get("results", str(job_id))
        job = RemoteJob.model_validate(body)
        if job.status != JobStatus.COMPLETED:
            raise NotCompleted(job)
        return Result.model_validate({**body["result"], "job": job})

    async def table(self, job_id: UUID | str) -> pl.DataFrame:
        """Return the result's whole file as a polars frame; raises Damaged where its digest is another than the job's."""
        import polars as pl  # noqa: PLC0415 - slow to import

        job = (await self.result(job_id)).job
        content = await self._patiently(lambda: self._wire.fetch(f"jobs/{job.job_id}/result.parquet"))
        if sha256(content).hexdigest() != job.result_sha256:
            msg = f"the file of job {job.job_id} is damaged: its SHA-256 is not {job.result_sha256}"
            raise Damaged(msg)
        return pl.read_parquet(BytesIO(content))

    async def jobs(
        self,
        *,
        status: JobStatus | str | None = None,
        county_id: str | None = None,
        analysis_type: str | None = None,
        correlation_id: str | None = None,
    ) -> AsyncGenerator[RemoteJob, None]:
        """Yield jobs, newest first, page after page."""
        asked = {"status": status, "county_id": county_id, "analysis_type": analysis_type}
        cursor = None
        while True:
            page = await self._get("list", limit=PAGE, cursor=cursor, correlation_id=correlation_id, **asked)
            for job in page["jobs"]:
                yield RemoteJob.model_validate(job)
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def cancel(self, job_id: UUID | str, reason: str | None = None) -> RemoteJob:
        """End a job that waits or runs; raises Conflict where it has ended. It is asked once."""
        body = {} if reason is None else {"reason": reason}
        return RemoteJob.model_validate(await self._wire.post("cancel", str(job_id), body=body))

    async def retry(self, job_id: UUID | str, *, idempotency_key: str | None = None) -> RemoteJob:
        """Ask again what a job was asked and return the new job; raises Conflict where it has not ended."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        return RemoteJob.model_validate(
            await self._patiently(lambda: self._wire.post("retry", str(job_id), headers=headers))
        )

    async def types(self) -> Sequence[Mapping[str, Any]]:
        """Return the catalogue: name, question, what it needs, its parameters as JSON Schema."""
        found: Sequence[Mapping[str, Any]] = (await self._get("types"))["types"]
        return found

    async def counties(self) -> Sequence[Mapping[str, Any]]:
        """Return the counties that are loaded."""
        found: Sequence[Mapping[str, Any]] = (await self._get("counties"))["counties"]
        return found

    async def _get(self, *path: str, **query: Any) -> dict[str, Any]:
        return await self._patiently(lambda: self._wire.get(*path, **query))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer or a refusal; raises Unavailable once patience is at its end."""
        now = asyncio.get_running_loop().time
        until, pause = now() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                return await ask()
            except Unavailable:
                if now() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
