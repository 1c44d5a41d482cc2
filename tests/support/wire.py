"""A way to a server on which connections fall silent, as where a firewall forgets them: nothing arrives, nobody is told."""

from __future__ import annotations

import asyncio
from typing import Self


class Wire:
    """Carries what is written, but for connections that fell silent."""

    def __init__(self, port: int) -> None:
        """Take the port of the server on this machine."""
        self._to = port
        self._made = self._silent = 0
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Close every connection; who waits for one that is silent waits no longer."""
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def silence(self) -> None:
        """Let every connection of now fall silent; those that come after it are well."""
        self._silent = self._made

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._made = number = self._made + 1
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        for source, target in ((reader, to_server), (from_server, writer)):
            self._carrying.add(asyncio.create_task(self._carry(number, source, target)))

    async def _carry(self, number: int, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while (data := await source.read(1 << 16)) or number <= self._silent:
                if number > self._silent:
                    target.write(data)
                elif not data:
                    await asyncio.Event().wait()
        finally:
            target.close()
