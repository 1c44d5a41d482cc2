"""The same client without coroutines: for scripts, notebooks and threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from models.messages import JobStatusChanged
from terrafusion.client.answers import RemoteJob, Result
from terrafusion.client.asynchronous import LOCAL, PATIENCE_S, AsyncClient

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")


class Client:
    """`AsyncClient`, each call waiting for its answer; it runs in a thread beside, so a notebook's own loop is in nobody's way."""

    def __init__(self, url: str = LOCAL, *, token: str | None = None, patience_s: float = PATIENCE_S) -> None:
        self._asks = AsyncClient(url, token=token, patience_s=patience_s)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="terrafusion-client", daemon=True)
        self._thread.start()
        self._do(self._asks.__aenter__())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end the thread; a second time does nothing."""
        if self._loop.is_closed():
            return
        self._do(self._asks.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(
        self, analysis_type: str, county_id: str, parameters: Mapping[str, Any] | None = None, **said: Any
    ) -> RemoteJob:
        """Have an analysis run and return its job; see `AsyncClient.run`."""
        return self._do(self._asks.run(analysis_type, county_id, parameters, **said))

    def ask(
        self, analysis_type: str, county_id: str, parameters: Mapping[str, Any] | None = None, **said: Any
    ) -> Result:
        """Have an analysis run, wait for its end, and return what it found. Raises NotCompleted."""
        return self._do(self._asks.ask(analysis_type, county_id, parameters, **said))

    def status(self, job_id: UUID | str) -> RemoteJob:
        """Return a job as it stands; raises NotFound."""
        return self._do(self._asks.status(job_id))

    def wait(self, job_id: UUID | str, *, timeout_s: float | None = None) -> RemoteJob:
        """Return a job once it has ended, however; raises TimeoutError."""
        return self._do(self._asks.wait(job_id, timeout_s=timeout_s))

    def events(self, job_id: UUID | str) -> Generator[JobStatusChanged, None, None]:
        """Yield how a job stands, and each change once, up to its end."""
        return self._each(self._asks.events(job_id))

    def result(self, job_id: UUID | str) -> Result:
        """Return what a job found; raises NotCompleted."""
        return self._do(self._asks.result(job_id))

    def table(self, job_id: UUID | str) -> pl.DataFrame:
        """Return the result's whole file as a polars frame; raises Damaged."""
        return self._do(self._asks.table(job_id))

    def jobs(self, **asked: Any) -> Generator[RemoteJob, None, None]:
        """Yield jobs, newest first; see `AsyncClient.jobs`."""
        return self._each(self._asks.jobs(**asked))

    def cancel(self, job_id: UUID | str, reason: str | None = None) -> RemoteJob:
        """End a job that waits or runs; raises Conflict where it has ended."""
        return self._do(self._asks.cancel(job_id, reason))

    def retry(self, job_id: UUID | str, *, idempotency_key: str | None = None) -> RemoteJob:
        """Ask again what a job was asked and return the new job."""
        return self._do(self._asks.retry(job_id, idempotency_key=idempotency_key))

    def types(self) -> Sequence[Mapping[str, Any]]:
        """Return the catalogue."""
        return self._do(self._asks.types())

    def counties(self) -> Sequence[Mapping[str, Any]]:
        """Return the counties that are loaded."""
        return self._do(self._asks.counties())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C here ends it there
            raise

    def _each(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        async def following() -> T | None:
            return await anext(items, None)

        async def closed() -> None:
            await items.aclose()

        try:
            while (item := self._do(following())) is not None:
                yield item
        finally:
            self._do(closed())
