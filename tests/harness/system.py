"""The whole product as processes on real servers, and the condition that all it was told has been counted."""

import asyncio
import secrets
import sys
import time
from collections import Counter
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

from harness.waiting import until_none

SERVICES = services.SERVICES
POSTGRES_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.InternalServerError,
)
"""What a client gets of a server that is being killed, is starting, or has a full disk."""


class System:
    """Every service of the product with a database and a namespace of its own."""

    def __init__(
        self,
        database_url: str,
        kafka: str,
        folder: Path,
        *,
        patience: float = 0.0,
        **environment: str,
    ) -> None:
        """`patience`: seconds for which a server or an api may be away before a question to it fails."""
        self.database_url = database_url
        self.patience = patience
        self.answers: Counter[tuple[str, int]] = Counter()
        """How often each service's api has answered with each status; 0 is a lost connection."""
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
        self.operator: dict[str, str] = {}
        """What an operator's environment has beyond that of the processes."""
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
        """One request; retried while the answer is 503 or 429, as the headers ask, or none comes."""
        headers = {"Authorization": f"Bearer {self.token(tenant)}"}
        deadline = time.monotonic() + self.patience
        while True:
            url = self.fleet.url(service) + path
            try:
                answer = await self._http.request(
                    method, url, json=body, params=params or None, headers=headers
                )
            except httpx.TransportError:
                self.answers[service, 0] += 1
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
                continue
            self.answers[service, answer.status_code] += 1
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
        return [dict(r) for r in await self._asked("fetch", sql, *values)]

    async def run(self, sql: str, *values: Any) -> None:
        """What the database's owner does."""
        await self._asked("execute", sql, *values)

    async def _asked(self, method: str, sql: str, *values: Any) -> Any:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                connection = await asyncpg.connect(self.database_url, timeout=10)
                try:
                    return await getattr(connection, method)(sql, *values)
                finally:
                    await connection.close()
            except POSTGRES_AWAY:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def voc(self, *words: str) -> None:
        """A command of an operator."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "voc_cli",
            *words,
            env=self.fleet.environment | self.operator,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, f"voc {' '.join(words)}: {said.decode()[-2000:]}"

    async def replay(self, tenant: str, seconds: float = 180) -> None:
        """Tell a tenant's archive again, and wait until all of it has been published."""
        begun = await self.done("POST", "ingest", "/v1/replays", tenant, {})

        async def missing() -> str:
            found = await self.done("GET", "ingest", f"/v1/replays/{begun['replay']}", tenant)
            return "" if found["state"] == "done" else f"replay of {tenant}: {found}"

        await until_none(missing, seconds)

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
        await self.sharing([process], seconds)

    async def sharing(self, workers: Sequence[Process], seconds: float = 150) -> None:
        """Wait until these workers of a service hold all its partitions among them, each of them some."""
        counts = await bus.partition_counts(self.kafka, self.namespace)
        every = sum(counts[t] for t in services.topics(workers[0].service))
        async with asyncio.timeout(seconds):
            while True:
                self.fleet.tend()
                pages = [(await asyncio.to_thread(w.get, "/readyz"))[1] for w in workers]
                held = [int(page["partitions"]) if isinstance(page, dict) else 0 for page in pages]
                if sum(held) == every and min(held) > 0:
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
