"""Reading from a real broker: what waits for what."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Any

import aiokafka  # pyright: ignore[reportMissingTypeStubs]
import pytest
from aiokafka import TopicPartition, errors  # pyright: ignore[reportMissingTypeStubs]
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
        mark, marked = secrets.token_bytes(16), 0
        last = [Outgoing(topic, b"t/r", mark, [], p) for topic in (LIVE, BULK) for p in PARTITIONS]
        await line.producer.publish(last)
        async with asyncio.timeout(20):
            while marked < len(last):
                marked += sum(m.value == mark for m in await consumer.poll(1000, 0))
        yield consumer
    finally:
        await consumer.stop()


async def read(consumer: bus.Consumer, count: int) -> list[bus.Message]:
    """The next messages, so many at least."""
    found: list[bus.Message] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await consumer.poll(1000, 5)
    return found


async def test_what_comes_behind_a_long_batch_waits_for_no_idle_partition(line: Any) -> None:
    """Every busy partition brings something while a batch is handled; then the broker says nothing of idle ones for a second."""
    waits: list[float] = []
    async with reading(line) as consumer:
        for _ in range(4):
            await line.producer.publish(messages(LIVE))
            await read(consumer, len(PARTITIONS))
            await line.producer.publish(messages(LIVE))
            await asyncio.sleep(0.3)  # the batch is being handled
            await read(consumer, len(PARTITIONS))
            await line.producer.publish(messages(LIVE))
            began = time.monotonic()
            await read(consumer, len(PARTITIONS))
            waits.append(time.monotonic() - began)
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


@pytest.mark.parametrize("denials", [2, 1000])
async def test_a_position_is_lost_when_it_stays_away(
    line: Any, monkeypatch: pytest.MonkeyPatch, denials: int
) -> None:
    """A broker that has just started may deny one that it has not read yet."""
    place = TopicPartition(line.namespace + LIVE, 3)
    committed, getmany = aiokafka.AIOKafkaConsumer.committed, aiokafka.AIOKafkaConsumer.getmany
    asked, told = 0, False

    async def denied(self: Any, partition: Any) -> int | None:
        nonlocal asked
        asked += 1
        return None if asked <= denials else await committed(self, partition)

    async def without_position(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal told
        if not told:
            told = True
            raise errors.NoOffsetForPartitionError(place)
        return await getmany(self, *args, **more)

    async with reading(line) as consumer:
        await line.producer.publish(messages(LIVE))
        await consumer.commit(await read(consumer, len(PARTITIONS)))
        monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "committed", denied)
        monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "getmany", without_position)
        if denials > 2:
            with pytest.raises(bus.PositionLost):
                await consumer.poll(1000, 5)
        else:
            assert await consumer.poll(1000, 5) == []
    assert told


async def test_what_was_read_is_not_lost_by_what_goes_wrong_while_waiting_for_more(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    getmany = aiokafka.AIOKafkaConsumer.getmany
    found: list[Any] = []

    async def failing_after(self: Any, *args: Any, **more: Any) -> Any:
        if any(found):
            raise errors.KafkaError("away")
        found.append(await getmany(self, *args, **more))
        return found[-1]

    async with reading(line) as consumer:
        await line.producer.publish(messages(LIVE))
        monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "getmany", failing_after)
        async with asyncio.timeout(20):
            while not (told := await consumer.poll(1000, 5)):
                pass
    assert len(told) == sum(map(len, found[-1].values()))
