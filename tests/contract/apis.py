"""The apis of all services as they run in production, behind real sockets, over one real database."""

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from contract.tokens import REVOKED
from voc_cli import services
from voc_cli.deployment import read_topics, topics_file
from voc_common import auth, bus
from voc_common.http.protocol import Protocol
from voc_common.postgres import Database
from voc_common.postgres.database import role_name
from voc_common.postgres.migrations import migrate


class Apis:
    """Addresses of the running apis, and what a test needs beside them."""

    def __init__(self, database_url: str, kafka: str, folder: Path) -> None:
        self.database_url = database_url
        self.kafka = kafka
        self.namespace = f"c{secrets.token_hex(4)}."
        self.keys = folder / "keys.json"
        auth.make_keys(self.keys)
        self.urls: dict[str, str] = {}
        self.broken: dict[str, Exception] = {}
        self.documents: dict[str, Mapping[str, Any]] = {}
        self._workers: dict[str, Database] = {}
        self.http = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=16))

    def worker(self, service: str) -> Database:
        """The database in the role of a service's worker."""
        if service not in self._workers:
            name = self.namespace
            found = Database(self.database_url, service, "worker", namespace=name, pool=1)
            self._workers[service] = found
        return self._workers[service]

    async def close(self) -> None:
        """Drop all connections."""
        await self.http.aclose()
        for database in self._workers.values():
            await database.close()

    def environment(self, **more: str) -> dict[str, str]:
        """Settings of a service."""
        return {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "VOC_NAMESPACE": self.namespace,
            "VOC_AUTH_KEYS_FILE": str(self.keys),
            "VOC_AUTH_REVOKED": REVOKED,
            **more,
        }

    @asynccontextmanager
    async def serving(self, service: str, **more: str) -> AsyncIterator[str]:
        """Run a service's app, some settings different; gives its address."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(**more).items():
                patch.setenv(name, value)
            app = importlib.import_module(f"voc_{service}.api").app()
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            lifespan="off",
            access_log=False,
            log_config=None,
            http=Protocol,
        )
        server = uvicorn.Server(config)
        async with app.router.lifespan_context(app):
            # Not `serve`: it would take the signals of the whole test run.
            running = asyncio.create_task(server._serve())
            try:
                while not server.started:
                    assert not running.done(), f"{service} does not start"
                    await asyncio.sleep(0.01)
                yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            finally:
                server.should_exit = True
                await running

    def token(self, tenant: str, *scopes: str) -> str:
        """An Authorization header that proves these scopes."""
        return f"Bearer {auth.mint(self.keys, tenant, 'test', scopes)}"

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """What the database's owner reads, or does."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()

    async def digest(self, service: str, tenant: str) -> dict[str, str]:
        """Number and hash of the rows of a tenant in every table of a service.

        What waits for the bus is left out: it goes by itself.
        """
        tables = await self.rows(
            "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid "
            "where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') "
            "and not c.relispartition and a.attname = 'tenant' and c.relname <> 'pending'",
            service,
        )
        one = (
            "select '{t}' as name, count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' "
            "order by x::text)), '') as content from {s}.{t} x where tenant = $1"
        )
        parts = [one.format(s=service, t=t["name"]) for t in tables]
        found = await self.rows(" union all ".join(parts), tenant)
        return {r["name"]: r["content"] for r in found}


@asynccontextmanager
async def running(database_url: str, kafka: str, folder: Path) -> AsyncIterator[Apis]:
    """All apis that this code has, migrated, with topics; leaves neither roles nor topics behind."""
    apis = Apis(database_url, kafka, folder)
    topics = {
        name: (t.partitions, {k: str(v) for k, v in t.config.items()})
        for name, t in read_topics(topics_file()).items()
    }
    await bus.apply_topics(kafka, apis.namespace, topics)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(
            bus.delete_topics, kafka, [apis.namespace + name for name in topics]
        )
        stack.push_async_callback(_drop_roles, apis)
        stack.push_async_callback(apis.close)
        for service in services.SERVICES:
            await migrate(database_url, service, apis.namespace)
            try:
                url = await stack.enter_async_context(apis.serving(service))
                apis.documents[service] = (await apis.http.get(f"{url}/openapi.json")).json()
                apis.urls[service] = url
            except Exception as error:
                # Its own tests fail; those of the other services go on.
                apis.broken[service] = error
        yield apis


async def _drop_roles(apis: Apis) -> None:
    for service in services.SERVICES:
        for role in ("owner", "api", "worker"):
            name = role_name(apis.namespace, service, role)
            await apis.rows(f"drop owned by {name} cascade")
            await apis.rows(f"drop role {name}")
