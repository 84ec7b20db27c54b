"""What a running api of ingest holds, and the limits at its door."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Generator

from fastapi import Request
from voc_common.bus import Producer
from voc_common.http import App, Problem
from voc_common.lanes import Turns

from voc_ingest.domain.rate import Bucket
from voc_ingest.handlers.directory import Directory, Known, UnknownTenant
from voc_ingest.handlers.gathering import Gatherer
from voc_ingest.handlers.publishing import Publisher
from voc_ingest.handlers.receive import Door
from voc_ingest.settings import IngestSettings

_UNDECLARED = 1024 * 1024


class Service:
    """The door and its limits."""

    def __init__(self, app: App) -> None:
        settings = app.settings
        assert isinstance(settings, IngestSettings)
        self.settings = settings
        self.directory = Directory(app.database, settings.tenant_seconds)
        producer = Producer(settings.kafka_bootstrap_servers, settings.namespace)
        self.publisher = Publisher(
            app.database, producer, settings.unsent_bytes, settings.pending_seconds
        )
        self.door = Door(app.database, self.directory, self.publisher, settings.store_seconds)
        self.gatherer = Gatherer(self.door, settings.gather_ms)
        self._buckets: dict[str, Bucket] = {}
        self._inflight = 0
        self.turns = Turns()

    async def known(self, tenant: str, sources: set[str]) -> Known:
        """The tenant with its sources, or the 404 that says what to do."""
        try:
            return await self.directory.known(tenant, sources)
        except UnknownTenant as error:
            raise Problem(
                404, f"there is no tenant {tenant}: PUT /v1/tenants/{tenant} first"
            ) from error

    def charge(self, known: Known, count: int) -> None:
        """Answer 429 if the tenant sends more than its rate."""
        rate = known.settings.rate or self.settings.rate_events
        if not rate:
            return
        now = time.monotonic()
        bucket = self._buckets.setdefault(known.row.tenant, Bucket(now))
        wait = bucket.take(count, rate, now)
        if wait:
            detail = f"more than {rate:g} items per second; try again in {wait:.1f} s"
            raise Problem(429, detail, {"Retry-After": str(math.ceil(wait))})

    @contextlib.contextmanager
    def room(self, request: Request) -> Generator[None]:
        """Answer 429 if the bodies being worked on are too many; else hold room for this one."""
        length = request.headers.get("content-length", "")
        size = int(length) if length.isdigit() else _UNDECLARED
        if self._inflight and self._inflight + size > self.settings.inflight_bytes:
            raise Problem(429, "too much at once; try again", {"Retry-After": "1"})
        self._inflight += size
        try:
            yield
        finally:
            self._inflight -= size


async def start(app: App) -> Callable[[], Awaitable[None]]:
    """Make what the routes need; returns what ends it."""
    service = Service(app)
    app.extra = service

    async def stop() -> None:
        await asyncio.sleep(0)
        await service.publisher.close()

    return stop


async def service_of(request: Request) -> Service:
    """The running service, as a dependency; async, for FastAPI sends others through a thread each time."""
    return request.app.state.voc.extra
