"""A customer's machine that sends feedback at its own pace, whatever the door does, and notes the answers."""

import asyncio
import gc
import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Sent:
    """A request and its answer; `seconds` since it was due, also if it had to wait for a connection."""

    ids: tuple[str, ...]
    status: int
    seconds: float
    retry_after: str
    body: Any


@dataclass
class Sender:
    """Posts items of a tenant's source `desk` over kept connections; every item has an id of its own.

    Requests are due at random moments (a Poisson process), so a slow answer does not slow down the rest.
    """

    url: str
    token: str
    connections: int = 24
    seed: int = 7
    sent: list[Sent] = field(default_factory=list[Sent])
    _count: int = 0

    async def send(self, seconds: float, rate: float, size: int = 1) -> Sequence[Sent]:
        """Send `rate` requests a second for so long, of `size` items each; returns them all, answered."""
        with uncollected():
            found = await self._sent(seconds, rate, size)
        self.sent += found
        return found

    async def _sent(self, seconds: float, rate: float, size: int) -> list[Sent]:
        rng = random.Random(self.seed + self._count)
        due: asyncio.Queue[float | None] = asyncio.Queue()
        found: list[Sent] = []
        lanes = [asyncio.create_task(self._lane(due, found, size)) for _ in range(self.connections)]
        moment = time.perf_counter()
        end = moment + seconds
        while (moment := moment + rng.expovariate(rate)) < end:
            await asyncio.sleep(max(moment - time.perf_counter(), 0))
            due.put_nowait(moment)
        for _ in lanes:
            due.put_nowait(None)
        await asyncio.gather(*lanes)
        return found

    async def _lane(self, due: asyncio.Queue[float | None], found: list[Sent], size: int) -> None:
        where = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while (moment := await due.get()) is not None:
            ids = tuple(str(self._count + n) for n in range(size))
            self._count += size
            path, body = "/v1/feedback", self._item(ids[0])
            if size > 1:
                path, body = "/v1/feedback/batch", {"items": [self._item(i) for i in ids]}
            content = json.dumps(body).encode()
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {self.token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content
            )
            status, headers, answer = await _read(reader)
            taken = time.perf_counter() - moment
            found.append(Sent(ids, status, taken, headers.get("retry-after", ""), answer))
            if headers.get("connection") == "close":
                writer.close()
                reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.close()

    def _item(self, ident: str) -> dict[str, Any]:
        return {
            "source": "desk",
            "id": ident,
            "kind": "ticket",
            "text": f"Message {ident}: the invoice lists the same charge twice this month.",
            "identifiers": [{"type": "email", "value": f"p{int(ident) % 500}@firm.com"}],
        }


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collector: a full collection of a process of tests takes 0.1 to 0.3 s, which the door would get blamed for."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, json.loads(body)


def p99(sent: Iterable[Sent]) -> float:
    """The 99th percentile of the times to answer, in milliseconds."""
    times = sorted(s.seconds for s in sent)
    return 1000 * times[int(len(times) * 0.99)]
