"""Ingest whole: its app over a real database, its worker's context, and a reader of everything it says."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
import yaml
from voc_common import auth, bus, wire
from voc_common.events import Event, Tick
from voc_common.postgres import Database
from voc_common.postgres.database import role_name
from voc_common.postgres.migrations import migrate
from voc_common.settings import load
from voc_common.worker import Context
from voc_ingest.api import app
from voc_ingest.settings import IngestSettings

SCOPES = ["feedback:write", "sources:write", "text:read", "operations"]
_numbers = itertools.count(1)


def topics() -> dict[str, tuple[int, dict[str, str]]]:
    found = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "topics.yaml").read_text())
    return {
        name: (t["partitions"], {k: str(v) for k, v in t["config"].items()})
        for name, t in found["topics"].items()
    }


class Tenant:
    """A fresh tenant with a source `helpdesk`, and a client in its name."""

    def __init__(self, name: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self.client = client

    async def post(self, *items: Mapping[str, Any], kind: str = "feedback", load: str = "") -> Any:
        """Post a batch and return the answer's body."""
        query = {"load": load} if load else {}
        answer = await self.client.post(
            f"/v1/{kind}/batch", json={"items": list(items)}, params=query
        )
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def statuses(self, *items: Mapping[str, Any], **options: str) -> list[str]:
        """Post a batch and return what became of each item."""
        return [r["status"] for r in (await self.post(*items, **options))["results"]]


class House:
    """A running api and what is needed beside it."""

    def __init__(self, settings: IngestSettings, keys: Path, application: Any) -> None:
        self.settings = settings
        self.keys = keys
        self.app = application
        self.worker = Database(
            settings.database_url, "ingest", "worker", namespace=settings.namespace, pool=4
        )
        self.producer = bus.Producer(settings.kafka_bootstrap_servers, settings.namespace)
        self.context = Context(self.worker, self.producer, settings)
        self.heard: list[tuple[str, int, Event | Tick, bus.Message]] = []

    def client(
        self, tenant: str, *scopes: str, application: Any = None, **claims: Any
    ) -> httpx.AsyncClient:
        """A client with a token of these scopes."""
        token = auth.mint(self.keys, tenant, "test", scopes, **claims)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(application or self.app, raise_app_exceptions=False),
            base_url="http://ingest",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    async def tenant(self, zone: str = "UTC", application: Any = None, **settings: Any) -> Tenant:
        """A fresh tenant."""
        name = f"t{next(_numbers)}-{secrets.token_hex(3)}"
        operator = self.client("-", "tenants:admin")
        made = await operator.put(f"/v1/tenants/{name}", json={"zone": zone, "settings": settings})
        assert made.status_code == 201, made.text
        tenant = Tenant(name, self.client(name, *SCOPES, application=application))
        made = await tenant.client.put("/v1/sources/helpdesk", json={"channel": "email"})
        assert made.status_code == 200, made.text
        return tenant

    def told(self, tenant: str, topic: str) -> list[Event]:
        """Events of a tenant on a topic, as heard so far."""
        return [
            event
            for name, _, event, _ in self.heard
            if name == topic and not isinstance(event, Tick) and event.tenant == tenant
        ]

    async def hear(self, condition: Callable[[], Any], seconds: float = 60.0) -> None:
        """Wait until the bus has said enough."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def rows(self, sql: str, **values: object) -> list[Any]:
        """Rows as the worker sees them: all tenants'."""
        async with self.worker.transaction() as tx:
            return list(await tx.rows(sql, **values))

    async def listen(self) -> None:
        """Read every topic for good."""
        s = self.settings
        names = [name for name in topics() if "ident" not in name and "classified" not in name]
        consumer = bus.Consumer(
            s.kafka_bootstrap_servers, s.namespace, f"listener{secrets.token_hex(3)}", names, 10_000
        )
        await consumer.start()
        try:
            while True:
                for m in await consumer.poll(1000, 0):
                    self.heard.append((m.topic, m.partition, wire.decode(m.headers, m.value), m))
        finally:
            await consumer.stop()


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Settings in the environment for the time of a with-statement."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(
    database_url: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    auth.make_keys(keys)
    namespace = f"i{secrets.token_hex(4)}."
    await migrate(database_url, "ingest", namespace)
    await bus.apply_topics(kafka_bootstrap, namespace, topics())
    values = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "VOC_NAMESPACE": namespace,
        "VOC_AUTH_KEYS_FILE": str(keys),
    }
    with environment(values):
        application = app()
        found = House(load(IngestSettings), keys, application)
        async with application.router.lifespan_context(application):
            listening = asyncio.create_task(found.listen())
            yield found
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
        await found.producer.close()
        await found.worker.close()
        # Roles are the whole server's: they go with the namespace that made them.
        connection = await asyncpg.connect(database_url)
        for role in ("owner", "api", "worker"):
            name = role_name(namespace, "ingest", role)
            await connection.execute(f"drop owned by {name} cascade")
            await connection.execute(f"drop role {name}")
        await connection.close()
        await bus.delete_topics(kafka_bootstrap, [namespace + name for name in topics()])


@contextlib.asynccontextmanager
async def another_app(house: House, **values: str) -> AsyncIterator[Any]:
    """A second api process over the same database, some settings different."""
    shared = {
        "DATABASE_URL": house.settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": house.settings.kafka_bootstrap_servers,
        "VOC_NAMESPACE": house.settings.namespace,
        "VOC_AUTH_KEYS_FILE": str(house.keys),
    }
    with environment(shared | values):
        application = app()
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture(scope="session")
def second_app() -> Any:
    return another_app


@pytest.fixture
def ticket() -> Callable[..., dict[str, Any]]:
    def make(number: int | str, text: str = "hello", **more: Any) -> dict[str, Any]:
        return {"source": "helpdesk", "id": str(number), "kind": "ticket", "text": text, **more}

    return make
