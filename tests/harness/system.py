"""The whole product as processes on real servers, and the condition that all it was told has been counted."""

import asyncio
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from voc_cli import services
from voc_cli.deployment import topics as wanted_topics
from voc_cli.fleet import Fleet, Process
from voc_common import bus
from voc_common.auth import SCOPES, make_keys, mint
from voc_common.postgres.migrations import migrate

SERVICES = services.SERVICES


class System:
    """Every service of the product with a database and a namespace of its own."""

    def __init__(self, database_url: str, kafka: str, folder: Path, **environment: str) -> None:
        self.database_url = database_url
        self.kafka = kafka
        self.namespace = f"e{secrets.token_hex(4)}."
        self.keys = folder / "keys.json"
        make_keys(self.keys)
        self.environment = {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "VOC_NAMESPACE": self.namespace,
            "VOC_AUTH_KEYS_FILE": str(self.keys),
            "VOC_TICK_SECONDS": "3600",
            "VOC_SESSION_TIMEOUT_MS": "6000",
            **environment,
        }
        self.fleet = Fleet(folder / "logs", _inherited() | self.environment)
        self.services: list[str] = []
        self._http = httpx.AsyncClient(timeout=60)

    async def start(self, workers: int = 2, only: Collection[str] = SERVICES) -> None:
        """Migrate, make the topics, start an api and some workers of each service, wait until they are ready."""
        self.services = [s for s in SERVICES if s in only]
        for service in self.services:
            await migrate(self.database_url, service, self.namespace)
        await bus.apply_topics(self.kafka, self.namespace, wanted_topics())
        for service in self.services:
            self.fleet.start(service, "api")
            self.fleet.start(service, "worker", workers)
        await asyncio.to_thread(self.fleet.wait_ready, 120)

    async def stop(self) -> None:
        """End all processes."""
        await self._http.aclose()
        await asyncio.to_thread(self.fleet.stop)

    def token(self, tenant: str, scopes: Collection[str] = ()) -> str:
        """A token with these scopes, or with all of them."""
        return mint(self.keys, tenant, "test", scopes or set(SCOPES))

    async def call(
        self, method: str, service: str, path: str, tenant: str, body: Any = None, **params: Any
    ) -> httpx.Response:
        """One request; retried while the answer is 503 or 429, as the headers ask."""
        url = self.fleet.url(service) + path
        headers = {"Authorization": f"Bearer {self.token(tenant)}"}
        while True:
            answer = await self._http.request(
                method, url, json=body, params=params or None, headers=headers
            )
            if answer.status_code not in (429, 503):
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]))

    async def done(
        self, method: str, service: str, path: str, tenant: str, body: Any = None, **params: Any
    ) -> Any:
        """The JSON of a request that must succeed."""
        answer = await self.call(method, service, path, tenant, body, **params)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def tenant(self, zone: str = "Europe/Berlin", sources: Sequence[str] = ("desk",)) -> str:
        """A fresh tenant with its sources."""
        name = f"t{secrets.token_hex(4)}"
        url = self.fleet.url("ingest") + f"/v1/tenants/{name}"
        answer = await self._http.put(
            url, json={"zone": zone}, headers={"Authorization": f"Bearer {self.token('-')}"}
        )
        assert answer.is_success, answer.text
        for source in sources:
            await self.done("PUT", "ingest", f"/v1/sources/{source}", name, {})
        return name

    async def rows(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        """What the database's owner reads."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return [dict(r) for r in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    async def run(self, sql: str, *values: Any) -> None:
        """What the database's owner does."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(sql, *values)
        finally:
            await connection.close()

    async def waiting(self, only: Collection[str] = SERVICES) -> dict[str, int]:
        """All that is still on its way: unpublished requests, outbox rows, messages not yet committed."""
        among = [s for s in self.services if s in only]
        counts = [f"select '{s} outbox' as what, count(*) as n from {s}.outbox" for s in among]
        counts.append("select 'ingest pending', count(*) from ingest.pending")
        lags = [bus.group_lag(self.kafka, self.namespace, s, services.topics(s)) for s in among]
        found = {f"{s} lag": lag for s, lag in zip(among, await asyncio.gather(*lags), strict=True)}
        found |= {row["what"]: row["n"] for row in await self.rows(" union all ".join(counts))}
        return {name: count for name, count in found.items() if count}

    async def alone(self, process: Process, seconds: float = 150) -> None:
        """Wait until a worker holds all partitions of its service: the sessions of all others are over."""
        topics = services.topics(process.service)
        counts = await bus.partition_counts(self.kafka, self.namespace)
        async with asyncio.timeout(seconds):
            while True:
                self.fleet.tend()
                _, page = await asyncio.to_thread(process.get, "/readyz")
                if isinstance(page, dict) and page["partitions"] == sum(counts[t] for t in topics):
                    return
                await asyncio.sleep(0.1)

    async def settled(self, seconds: float = 120, *, only: Collection[str] = SERVICES) -> None:
        """Wait until nothing is on its way any more, twice in a row: an outbox may fill a topic again."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 2:
            self.fleet.tend()
            try:
                waiting = await self.waiting(only)
            except bus.BusError as error:
                waiting = {str(error): 1}  # the coordinator of a new group is being made
            quiet = 0 if waiting else quiet + 1
            assert time.monotonic() < deadline, f"still on its way: {waiting}"
            await asyncio.sleep(0.2)


def _inherited() -> dict[str, str]:
    import os

    return dict(os.environ)
