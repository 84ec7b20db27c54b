"""Reading from a real broker: what waits for what."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any

from voc_common import bus
from voc_common.wire import Outgoing

LIVE, BULK = "voc.feedback", "voc.feedback.bulk"
PARTITIONS = range(8)


def messages(topic: str, each: int = 1, size: int = 10) -> list[Outgoing]:
    """So many messages to every partition of a topic."""
    return [
        Outgoing(topic, b"t/r", b"x" * size, [], partition)
        for partition in PARTITIONS
        for _ in range(each)
    ]


@contextlib.asynccontextmanager
async def reading(line: Any) -> AsyncGenerator[bus.Consumer]:
    """A consumer of both lanes that stands at their ends."""
    consumer = bus.Consumer(
        line.servers, line.namespace, f"r{secrets.token_hex(4)}", [LIVE, BULK], 10_000
    )
    await consumer.start()
    try:
        await line.producer.publish(messages(LIVE) + messages(BULK))
        async with asyncio.timeout(20):
            while consumer.assigned() < 2 * len(PARTITIONS) or await consumer.lag():
                await consumer.poll(1000, 0)
        yield consumer
    finally:
        await consumer.stop()


async def taken(consumer: bus.Consumer, count: int) -> float:
    """Seconds until so many messages have been read."""
    began, found = time.monotonic(), 0
    async with asyncio.timeout(20):
        while found < count:
            found += len(await consumer.poll(1000, 5))
    return time.monotonic() - began


async def test_what_comes_behind_a_long_batch_waits_for_no_idle_partition(line: Any) -> None:
    """Every busy partition brings something while a batch is handled; then the broker says nothing of idle ones for a second."""
    waits: list[float] = []
    async with reading(line) as consumer:
        for _ in range(4):
            await line.producer.publish(messages(LIVE))
            await taken(consumer, len(PARTITIONS))
            await line.producer.publish(messages(LIVE))
            await asyncio.sleep(0.3)  # the batch is being handled
            await taken(consumer, len(PARTITIONS))
            await line.producer.publish(messages(LIVE))
            waits.append(await taken(consumer, len(PARTITIONS)))
    assert min(waits) < 0.3, waits


async def test_live_records_are_read_amid_what_an_import_has_left(line: Any) -> None:
    """A fetch of an import brings thousands of records, of which each poll takes a few."""
    async with reading(line) as consumer:
        await line.producer.publish(messages(BULK, each=500, size=200))
        async with asyncio.timeout(20):
            while not await consumer.poll(1000, 5, bulk=20):
                pass
        await line.producer.publish(messages(LIVE))
        polls, live = 0, 0
        while live < len(PARTITIONS):
            found = await consumer.poll(1000, 5, bulk=20)
            live += sum(m.topic == LIVE for m in found)
            polls += 1
            assert polls < 100, "of 200 that the import takes"
