"""Over the real bus: hot issues in, items out; a poison event is set aside while its neighbours pass."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
import yaml
from voc_backlog.consumer import SUBSCRIPTIONS, worker
from voc_common import bus, wire
from voc_common.events import (
    CauseNode,
    HotIssueChanged,
    ItemChanged,
    TaxonomyPublished,
    TenantConfigured,
)
from voc_common.postgres import Database
from voc_common.postgres.outbox import relay
from voc_common.stage import Stage, Subscriptions
from voc_common.wire import Outgoing

Make = Callable[..., HotIssueChanged]


def topics() -> dict[str, tuple[int, dict[str, str]]]:
    found = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "topics.yaml").read_text())
    wanted = {"voc.hot-issues", "voc.taxonomy", "voc.tenants", "voc.backlog"}
    return {
        name: (t["partitions"], {k: str(v) for k, v in t["config"].items()})
        for name, t in found["topics"].items()
        if name in wanted
    }


class Line:
    """The backlog's stage at work in a namespace of its own."""

    def __init__(self, servers: str, database: Database) -> None:
        self.servers = servers
        self.namespace = f"w{secrets.token_hex(4)}."
        self.database = database
        self.producer = bus.Producer(servers, self.namespace)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A stage that handles what comes, as the worker's does."""
        names = sorted(wire.topic(kind, "live") for kind in SUBSCRIPTIONS)
        consumer = bus.Consumer(self.servers, self.namespace, "backlog", names, 6_000)
        await consumer.start()
        handlers = Subscriptions(handlers=SUBSCRIPTIONS)
        stage = Stage(handlers, self.database, consumer, self.producer)
        task = asyncio.create_task(stage.run())
        try:
            yield
        finally:
            stage.stop()
            await task
            await consumer.stop()

    async def items(self, *wanted: str) -> dict[str, ItemChanged]:
        """What is told of the items of these issues, the greatest version of each, by issue."""
        consumer = bus.Consumer(
            self.servers, self.namespace, f"r{secrets.token_hex(4)}", ["voc.backlog"], 6_000
        )
        await consumer.start()
        found: dict[str, ItemChanged] = {}
        try:
            async with asyncio.timeout(20):
                while not found.keys() >= set(wanted):
                    await relay(self.database, self.producer)
                    for message in await consumer.poll(500, 50):
                        event = wire.decode(message.headers, message.value)
                        assert isinstance(event, ItemChanged)
                        for issue in event.issues:
                            if issue not in found or found[issue].version < event.version:
                                found[issue] = event
        finally:
            await consumer.stop()
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def line(kafka_bootstrap: str, database: Database) -> AsyncIterator[Line]:
    found = Line(kafka_bootstrap, database)
    await bus.apply_topics(kafka_bootstrap, found.namespace, topics())
    async with found.running():
        yield found
    await found.producer.close()
    await bus.delete_topics(kafka_bootstrap, [found.namespace + name for name in topics()])


async def test_from_topic_to_topic(line: Line, tenant: str, issue: Make) -> None:
    node = CauseNode("late_delivery", "Late delivery", owner="logistics")
    await line.producer.publish(
        [
            wire.encode(issue("a1")),
            wire.encode(issue("a2", cause="other")),
            wire.encode(TaxonomyPublished(tenant=tenant, version=1, nodes=(node,), published_at=1)),
            wire.encode(TenantConfigured(tenant=tenant, version=1, settings={"margin": 0.5})),
        ]
    )
    told = await line.items("a1", "a2")
    assert (told["a1"].tenant, told["a1"].state, told["a2"].cause) == (tenant, "filed", "other")


async def test_a_poison_event_is_set_aside_and_its_neighbours_pass(
    line: Line, database: Database, tenant: str, issue: Make
) -> None:
    """Text that Postgres refuses, a broken rule, and bytes that are no event."""
    good = wire.encode(issue("b1"))
    messages = [
        good,
        wire.encode(issue("b2", cause="nul", evidence={"quote": "a\x00b"})),
        wire.encode(issue("b3", p_real=7.0)),
        wire.encode(issue("b4", version=2**70)),
        Outgoing(good.topic, good.key, b"{", good.headers),
        wire.encode(issue("b5", cause="fine")),
    ]
    await line.producer.publish(messages)
    told = await line.items("b1", "b5")
    assert told.keys() >= {"b1", "b5"}

    async def refused() -> list[str]:
        async with database.transaction() as tx:
            rows = await tx.rows(
                "select reason from backlog.dead_letter where tenant in (:tenant, '-') order by reason",
                tenant=tenant,
            )
        return [r.reason for r in rows]

    found: list[str] = []
    async with asyncio.timeout(10):
        while True:
            found = await refused()
            if len(found) >= 4:
                break
            await asyncio.sleep(0.02)
    assert len(found) == 4
    assert sum("p_real" in r for r in found) == 1
    assert sum("version" in r for r in found) == 1
    async with database.transaction() as tx:
        rows = await tx.rows("select issue from backlog.issue where tenant = :t", t=tenant)
    assert {r.issue for r in rows} == {"b1", "b5"}


def test_the_worker_consumes_what_it_says(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "nowhere:1")
    made = worker()
    assert made.service == "backlog"
    assert set(made.subscriptions.handlers) == {
        HotIssueChanged,
        TaxonomyPublished,
        TenantConfigured,
    }
    assert msgspec.structs.asdict(made.settings)["database_url"] == database_url
