"""HTTP as cheap as a load generator can have it: kept connections, bodies that were made before."""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct


class Result(Struct, frozen=True, gc=False):
    """What the door says of one record."""

    record_id: str = ""
    status: str = ""


class _Answer(Struct, frozen=True, gc=False):
    results: list[Result]


IDLE = 2.0
"""Seconds without use after which a connection is opened anew."""
_results = msgspec.json.Decoder(_Answer).decode


class Sent(Struct, frozen=True):
    """A request: when it was due and when it was answered (`perf_counter`), and the door's answer.

    One that had to wait for a connection counts from when it was due.
    """

    due: float
    answered: float
    status: int
    retry_after: float
    content: bytes

    @property
    def seconds(self) -> float:
        """From when it was due to its answer."""
        return self.answered - self.due

    @property
    def records(self) -> list[str]:
        """Ids of the records of an accepted batch."""
        return [r.record_id for r in _results(self.content).results if r.status == "accepted"]


class Connection:
    """One kept connection: a request at a time, opened again where the server closed it."""

    def __init__(self, url: str, path: str, token: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname, where.port
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def post(self, body: bytes, due: float | None = None) -> Sent:
        """Send one body and wait for its answer."""
        began = time.perf_counter() if due is None else due
        # The server closes a connection that is idle for 5 s: what is sent just then would be lost.
        if time.perf_counter() - self._used > IDLE:
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 22)
        reader, writer = self._streams
        writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        content = await reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            self.close()
        self._used = time.perf_counter()
        status, wait = int(head.split(" ", 2)[1]), float(fields.get("retry-after", 0))
        return Sent(began, time.perf_counter(), status, wait, content)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(connections: Iterable[Connection], bodies: Iterable[bytes]) -> int:
    """Send all, on each connection one after another; returns how often the door asked to wait."""
    queue = iter(bodies)
    waits = 0

    async def work(connection: Connection) -> None:
        nonlocal waits
        for body in queue:
            while (sent := await connection.post(body)).status in (429, 503):
                waits += 1
                await asyncio.sleep(sent.retry_after or 0.1)
            if sent.status != 202:
                raise RuntimeError(f"the door answered {sent.status}: {sent.content[:300]!r}")
        connection.close()

    await asyncio.gather(*(work(c) for c in connections))
    return waits


class OpenLoop:
    """Sends at its own pace, whatever the door does: requests are due at random moments (Poisson)."""

    def __init__(self, connections: Iterable[Connection], rate: float, seed: int = 7) -> None:
        self.sent: list[Sent] = []
        self._lanes = list(connections)
        self._rate = rate
        self._rng = random.Random(seed)
        self._due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

    def due(self, moment: float) -> float:
        """When the request after one of this moment is due."""
        return moment + self._rng.expovariate(self._rate)

    async def run(self, bodies: Iterator[bytes], until: asyncio.Event, seconds: float) -> None:
        """Send until the event is set or for so many seconds, whatever comes first."""
        lanes = [asyncio.create_task(self._lane(connection)) for connection in self._lanes]
        begin = moment = time.perf_counter()
        while not until.is_set() and (moment := self.due(moment)) < begin + seconds:
            body = next(bodies)
            await asyncio.sleep(max(moment - time.perf_counter(), 0))
            self._due.put_nowait((moment, body))
        for _ in lanes:
            self._due.put_nowait(None)
        await asyncio.gather(*lanes)

    def answered(self, sent: Sent) -> None:
        """Note an answer."""
        self.sent.append(sent)

    async def _lane(self, connection: Connection) -> None:
        while (item := await self._due.get()) is not None:
            moment, body = item
            self.answered(await connection.post(body, moment))
        connection.close()


def percentiles(seconds: Iterable[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {
        f"p{p}": round(ordered[min(len(ordered) * p // 100, len(ordered) - 1)] * 1e3, 2)
        for p in (50, 99)
    }
