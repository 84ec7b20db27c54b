"""A TCP proxy on 127.0.0.1 that cuts, refuses, slows, mutes or swallows what passes through it, on demand."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from voc_local.home import free_port

Way = Literal["up", "down"]
"""Towards the server, towards the client."""
WAYS: tuple[Way, ...] = ("up", "down")
_CHUNK = 64 * 1024
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """A connection of a client, and the one to the server that it goes on in."""

    client: asyncio.StreamWriter
    client_port: int
    server: asyncio.StreamWriter | None = None
    server_port: int = 0
    lossy: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def reset(self) -> None:
        """End both sides with RST, as a machine does that does not know the connection."""
        for writer in (self.client, self.server):
            if writer is None:
                continue
            found: socket.socket | None = writer.get_extra_info("socket")
            if found is not None:
                with contextlib.suppress(OSError):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()


class Proxy:
    """Forwards `port` to the port that it is aimed at. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self.port = free_port()
        self.aim = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._latency, self._rate = 0.0, 0.0
        self._swallowing = False
        self._flowing = {way: asyncio.Event() for way in WAYS}
        for event in self._flowing.values():
            event.set()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        """Close everything."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def cut(self) -> int:
        """Reset all connections; new ones are taken at once. Returns how many there were."""
        return self._do(self._cut())

    def refuse(self) -> None:
        """Reset all connections and refuse new ones."""
        self._do(self._refuse())

    def slow(self, latency: float, rate: float) -> None:
        """Every piece takes `latency` seconds more, and passes at `rate` bytes a second."""
        self._do(self._weather(latency=latency, rate=rate))

    def mute(self, ways: Collection[Way]) -> None:
        """Forward nothing in these directions; all connections stay open, what is sent is kept."""
        self._do(self._weather(muted=ways))

    def swallow(self) -> None:
        """Take connections and everything on them, forward nothing, lose it."""
        self._do(self._weather(swallowing=True))

    def heal(self) -> None:
        """Pass everything again. Connections that have lost something are reset."""
        self._do(self._heal())

    def ports_behind(self, client_ports: Collection[int]) -> list[int]:
        """The ports by which the server knows connections that clients hold from these ports."""

        async def find() -> list[int]:
            return [x.server_port for x in self._links if x.client_port in client_ports]

        return self._do(find())

    def connections(self) -> int:
        """How many connections are open."""

        async def count() -> int:
            return len(self._links)

        return self._do(count())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self) -> int:
        links = list(self._links)
        for link in links:
            link.reset()
        return len(links)

    async def _refuse(self) -> None:
        await self._deafen()
        await self._cut()

    async def _weather(
        self,
        latency: float = 0.0,
        rate: float = 0.0,
        muted: Collection[Way] = (),
        swallowing: bool = False,
    ) -> None:
        self._latency, self._rate, self._swallowing = latency, rate, swallowing
        for way, event in self._flowing.items():
            if way in muted:
                event.clear()
            else:
                event.set()

    async def _heal(self) -> None:
        await self._weather()
        for link in list(self._links):
            if link.lossy:
                link.reset()
        await self._listen()

    async def _close(self) -> None:
        await self._deafen()
        for link in list(self._links):
            link.reset()
            for task in link.tasks:
                task.cancel()
        await asyncio.gather(*(t for x in self._links for t in x.tasks), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer, writer.get_extra_info("peername")[1])
        self._links.add(link)
        try:
            if self._swallowing:
                link.lossy = True
                while await reader.read(_CHUNK):
                    pass
                return
            there, link.server = await asyncio.open_connection("127.0.0.1", self.aim)
            link.server_port = link.server.get_extra_info("sockname")[1]
            link.tasks = [
                asyncio.create_task(self._pump(link, reader, link.server, "up")),
                asyncio.create_task(self._pump(link, there, writer, "down")),
            ]
            await asyncio.wait(link.tasks, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            link.reset()  # the server refuses
        finally:
            for task in link.tasks:
                task.cancel()
            await asyncio.gather(*link.tasks, return_exceptions=True)
            for end in (link.client, link.server):
                if end is not None:
                    end.close()
            self._links.discard(link)

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._latency or self._rate:
                    await asyncio.sleep(
                        self._latency + (len(data) / self._rate if self._rate else 0)
                    )
                await self._flowing[way].wait()
                if self._swallowing:
                    link.lossy = True
                    continue
                writer.write(data)
                await writer.drain()
