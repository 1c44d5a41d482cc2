"""The whole of TerraFusion on this machine: servers, schema, topics, sample counties, workers."""

from __future__ import annotations

import asyncio
import fcntl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Never

from pydantic import SecretStr

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.processes import Server, is_free
from terrafusion.embedded.workers import WorkerProcess
from terrafusion.errors import Misconfigured
from terrafusion.samples import load_samples
from terrafusion.settings import Settings

LASTING_SECONDS: Final = 10
"""What lived longer is started again at once, what did not after a pause that doubles."""
PAUSES: Final = (0.1, 10.0)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the system is wanted."""

    workers: int = 1
    http_port: int = 0
    """Of the first worker; 0 takes a free one."""
    samples: bool = True


class System:
    """Postgres and Kafka, embedded unless the settings name others, and workers on them.

    ``say`` is told in sentences what happens. ``settings`` are those the workers run with.
    """

    def __init__(self, settings: Settings, extent: Extent, say: Callable[[str], None]) -> None:
        self.settings = _bare(settings.model_copy(update={"data_dir": settings.data_dir.absolute()}))
        self.postgres = None if settings.database_url else EmbeddedPostgres(self.settings.data_dir / "postgres")
        self.kafka = None if settings.kafka_bootstrap else EmbeddedKafka(self.settings.data_dir / "kafka")
        self.workers: Sequence[WorkerProcess] = ()
        self._extent = extent
        self._say = say

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all of it, and stop all of it in the end, however that comes; one process a data folder."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.settings.data_dir / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"{self.settings.data_dir} is in use by another `terrafusion dev`."
                raise Misconfigured(msg) from error
            try:
                await self._start()
                yield
            finally:
                self._stop()

    async def _start(self) -> None:
        if self._extent.http_port and not is_free(self._extent.http_port):
            raise Misconfigured(
                f"HTTP port {self._extent.http_port} is taken; --http-port takes another, 0 a free one."
            )
        await _together(self._database(), self._broker())
        self.workers = [self._worker(number) for number in range(1, self._extent.workers + 1)]
        await _together(self._samples(), *(self._up(worker) for worker in self.workers))
        while not all(worker.is_up() for worker in self.workers):  # noqa: ASYNC110 - the last to join makes the others wait
            await asyncio.sleep(0.05)

    def _stop(self) -> None:
        for worker in self.workers:
            worker.begin_stop()
        for worker in self.workers:
            worker.finish_stop()
        for server in (self.kafka, self.postgres):
            if server is not None:
                server.stop()

    async def watch(self) -> Never:
        """Start again whatever dies."""
        embedded = [server for server in (self.postgres, self.kafka) if server is not None]
        await _together(*(self._keep(server) for server in (*embedded, *self.workers)))
        raise AssertionError

    def addresses(self) -> dict[str, Any]:
        """Return what `dev` prints."""
        urls = [worker.url for worker in self.workers]
        return {
            "http_url": urls[0],
            "kafka_bootstrap": self.settings.kafka_bootstrap,
            "database_url": self.settings.shown["database_url"],
            "results_url": self.settings.results,
            "data_dir": str(self.settings.data_dir),
            "worker_urls": urls,
            "pids": {
                "postgres": self.postgres and self.postgres.pid,
                "kafka": self.kafka and self.kafka.pid,
                "workers": [worker.pid for worker in self.workers],
            },
        }

    async def _database(self) -> None:
        if self.postgres is not None:
            await self._up(self.postgres)
            self.settings = self.settings.model_copy(update={"database_url": SecretStr(self.postgres.url)})
        self._say(f"Schema is at {await migrate(self.settings.database)}")

    async def _broker(self) -> None:
        if self.kafka is not None:
            await self._up(self.kafka)
            self.settings = self.settings.model_copy(update={"kafka_bootstrap": self.kafka.bootstrap})
        made = await create_topics(Broker.of(self.settings))
        self._say(f"{len(made)} topics created" if made else "Topics exist")

    async def _samples(self) -> None:
        if self._extent.samples:
            await load_samples(self.settings)
            self._say("Sample counties are loaded")

    def _worker(self, number: int) -> WorkerProcess:
        port = self._extent.http_port if number == 1 else 0
        return WorkerProcess(self.settings.data_dir / f"worker-{number}", self.settings, port=port)

    async def _up(self, server: Server) -> None:
        began = time.monotonic()
        await _in_thread(server.prepare)
        server.spawn()
        while not server.is_up():  # noqa: ASYNC110 - another process, nothing would set an event
            await asyncio.sleep(0.02)
        self._say(f"{server.name} is up after {time.monotonic() - began:.1f} s")

    async def _keep(self, server: Server) -> Never:
        pause, longest = PAUSES
        while True:
            began = time.monotonic()
            while server.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            pause = PAUSES[0] if time.monotonic() - began > LASTING_SECONDS else min(2 * pause, longest)
            self._say(f"{server.name} died, it is started again in {pause:.1f} s; its last words: {server.last_line()}")
            await asyncio.sleep(pause)
            server.spawn()


def _bare(settings: Settings) -> Settings:
    """Take away what secures connections to services that are elsewhere, where ours are embedded."""
    absent = [
        name for name, url in (("database", settings.database_url), ("kafka", settings.kafka_bootstrap)) if not url
    ]
    reset = {
        name: field.default
        for name, field in Settings.model_fields.items()
        for service in absent
        if name.startswith(f"{service}_")
    }
    return settings.model_copy(update=reset)


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Run all; the first error cancels the others and is raised by itself. What being cancelled brings about is no error."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()


async def _in_thread(work: Callable[[], None]) -> None:
    """Run on a thread that, unlike asyncio's own, nobody waits for when the process is interrupted."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: Exception | None) -> None:
        if done.cancelled():
            return
        done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - handed to the one who waits
            error = raised
        with suppress(RuntimeError):  # the loop is closed: interrupted
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, daemon=True).start()
    await done
