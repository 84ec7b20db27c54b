"""Publish accepted requests from memory in the background; what fails the worker publishes from the archive."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque

from msgspec import Struct
from voc_common.bus import BusError, Producer, TooLarge
from voc_common.postgres import Database, DatabaseAway
from voc_common.wire import Outgoing

from voc_ingest.repository import pending

log = logging.getLogger(__name__)

_AT_ONCE = 4 * 1024 * 1024
_PAUSE_SECONDS = 2.0
_FORGET_SECONDS = 0.1


class Unsent(Struct, frozen=True):
    """A committed request and its messages."""

    tenant: str
    pending_id: int
    messages: list[Outgoing]

    def size(self) -> int:
        """Bytes of all messages."""
        return sum(len(m.value) for m in self.messages)


class Publisher:
    """Sends what is offered, many requests at once; `limit` bounds the bytes that wait in memory.

    After `overdue` seconds the worker publishes a request from the archive. What could not be sent well
    before is left to it, or both would publish it just when there is too much to publish.
    """

    def __init__(self, database: Database, producer: Producer, limit: int, overdue: float) -> None:
        self._database = database
        self._producer = producer
        self._limit = limit
        self._patience = 0.75 * overdue
        self._waiting: deque[tuple[Unsent, int, float]] = deque()
        self._bytes = 0
        self._sent: dict[str, list[int]] = defaultdict(list)
        self._away_until = 0.0
        self._sending: asyncio.Task[None] | None = None
        self._forgetting: asyncio.Task[None] | None = None

    def offer(self, unsent: Unsent) -> None:
        """Take a request if there is room and the bus answers; else it is left to the worker."""
        size = unsent.size()
        if self._bytes + size > self._limit or time.monotonic() < self._away_until:
            return
        self._waiting.append((unsent, size, time.monotonic() + self._patience))
        self._bytes += size
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def close(self, seconds: float = 5.0) -> None:
        """Send what waits, as far as that is quickly done, and drop the connection."""
        for task in (self._sending, self._forgetting):
            if task is not None:
                await asyncio.wait({task}, timeout=seconds)
                task.cancel()
        with contextlib.suppress(DatabaseAway):
            await self._forget()
        await self._producer.close()

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._send_some()
        except (BusError, TooLarge) as error:
            log.warning("left to the worker: %s", error)
            self._leave()
        except Exception:
            # Whatever it was, the rows are still pending: the worker publishes them.
            log.exception("publishing failed")
            self._leave()
        finally:
            self._sending = None

    async def _send_some(self) -> None:
        taken: list[Unsent] = []
        total = 0
        while self._waiting and total < _AT_ONCE:
            unsent, size, until = self._waiting.popleft()
            if time.monotonic() > until:
                self._bytes -= size
                continue
            taken.append(unsent)
            total += size
        try:
            await self._producer.publish(m for unsent in taken for m in unsent.messages)
        finally:
            self._bytes -= total
        for unsent in taken:
            self._sent[unsent.tenant].append(unsent.pending_id)
        if self._forgetting is None:
            self._forgetting = asyncio.create_task(self._forget_soon())

    def _leave(self) -> None:
        self._away_until = time.monotonic() + _PAUSE_SECONDS
        self._bytes -= sum(size for _, size, _ in self._waiting)
        self._waiting.clear()

    async def _forget_soon(self) -> None:
        """Once for all requests of the next moment: each alone would cost half as much as storing it."""
        try:
            await asyncio.sleep(_FORGET_SECONDS)
            await self._forget()
        except DatabaseAway as error:
            log.warning("published, but still marked as pending: %s", error)
        finally:
            self._forgetting = None
            if self._sent:
                self._forgetting = asyncio.create_task(self._forget_soon())

    async def _forget(self) -> None:
        sent, self._sent = self._sent, defaultdict(list)
        for tenant, ids in sent.items():
            async with self._database.transaction(tenant) as tx:
                await pending.done(tx, ids)
