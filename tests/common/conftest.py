"""A stage of identity over a real bus and database, as the example of a stage."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import yaml
from voc_common import bus, versions, wire
from voc_common.events import FeedbackReceived, Identifier, Revision
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_common.stage import Stage
from voc_identity.consumer import subscriptions
from voc_identity.settings import IdentitySettings

NOW = 1_700_000_000_000_000


def feedback(tenant: str, number: int, mail: str = "", text: str = "hello") -> FeedbackReceived:
    record_id = versions.record_id(b"k" * 32, NOW, "s", "t", str(number))
    return FeedbackReceived(
        tenant=tenant,
        record_id=record_id,
        revision=Revision(
            versions.revision(None, NOW, text.encode()), NOW, NOW, NOW, 19675, "s", "ticket"
        ),
        identifiers=(Identifier("email", mail),) if mail else (),
        body=msgspec.Raw(msgspec.json.encode({"text": text})),
    )


def topics() -> dict[str, tuple[int, dict[str, str]]]:
    found = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "topics.yaml").read_text())
    return {
        n: (t["partitions"], {k: str(v) for k, v in t["config"].items()})
        for n, t in found["topics"].items()
    }


class Line:
    """A namespace on the bus with its topics, a producer, and readers."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.namespace = f"t{secrets.token_hex(4)}."
        self.producer = bus.Producer(servers, self.namespace)

    def feedback(
        self, tenant: str, number: int, mail: str = "", text: str = "hello"
    ) -> FeedbackReceived:
        """A piece of feedback, by somebody if there is a mail address."""
        return feedback(tenant, number, mail, text)

    async def read(self, topic: str, count: int, seconds: float = 20) -> list[bus.Message]:
        """The first `count` messages of a topic."""
        consumer = bus.Consumer(
            self.servers, self.namespace, f"r{secrets.token_hex(4)}", [topic], 10_000
        )
        await consumer.start()
        found: list[bus.Message] = []
        try:
            async with asyncio.timeout(seconds):
                while len(found) < count:
                    found += await consumer.poll(1000, 0)
        except TimeoutError:
            pytest.fail(f"{len(found)} of {count} messages on {topic}")
        finally:
            await consumer.stop()
        return found

    @contextlib.asynccontextmanager
    async def running(
        self, database: Database, settings: IdentitySettings, **options: object
    ) -> AsyncIterator[asyncio.Task[None]]:
        """A stage of identity at work."""
        consumed = subscriptions(settings)
        names = sorted(
            {wire.topic(k, lane) for k in consumed.handlers for lane in ("live", "bulk")}
        )
        consumer = bus.Consumer(self.servers, self.namespace, "identity", names, 6_000)
        await consumer.start()
        stage = Stage(consumed, database, consumer, self.producer, **options)  # type: ignore[arg-type]
        task = asyncio.create_task(stage.run())
        try:
            yield task
        finally:
            stage.stop()
            with contextlib.suppress(Exception):
                await task
            await consumer.stop()


@pytest.fixture(scope="module")
async def line(kafka_bootstrap: str) -> AsyncIterator[Line]:
    found = Line(kafka_bootstrap)
    await bus.apply_topics(kafka_bootstrap, found.namespace, topics())
    yield found
    await found.producer.close()


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "identity")
    found = Database(database_url, "identity", "worker", pool=3)
    yield found
    await found.close()


@pytest.fixture(scope="module")
def settings(database_url: str, kafka_bootstrap: str) -> IdentitySettings:
    return IdentitySettings(database_url=database_url, kafka_bootstrap_servers=kafka_bootstrap)
