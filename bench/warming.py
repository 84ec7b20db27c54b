"""Warms a broker: produces and consumes records on a topic of its own, which is deleted afterwards.

A broker is a Java program: its first records cost three times as much as those after some millions.
"""

import asyncio
from typing import Any

import psutil
from meter import tree_seconds
from voc_common import bus
from voc_common.wire import Outgoing
from voc_local.ground import Ground

TOPIC = "bench.warming"
PARTITIONS = 8
BATCH = 1000
BYTES = 300


async def warm(place: Ground, records: int) -> dict[str, Any]:
    """Send so many records through the broker; its CPU us a record in the first and the last tenth."""
    assert place.kafka_server is not None
    top = psutil.Process(place.kafka_server.pid)
    await bus.apply_topics(place.kafka, "", {TOPIC: (PARTITIONS, {})})
    consumer = bus.Consumer(place.kafka, "", "bench-warming", [TOPIC], 30_000)
    producer = bus.Producer(place.kafka, "")
    await consumer.start()
    batch = [Outgoing(TOPIC, b"%d" % n, b"x" * BYTES, []) for n in range(BATCH)]
    tenths: list[float] = []
    read = 0

    async def consume() -> None:
        nonlocal read
        while read < records:
            messages = await consumer.poll(BATCH, 0)
            read += len(messages)
            if messages:
                await consumer.commit(messages)

    reading = asyncio.create_task(consume())
    for _ in range(10):
        began = tree_seconds(top)
        for _ in range(max(records // 10 // BATCH, 1)):
            await producer.publish(batch)
        while read < (len(tenths) + 1) * (records // 10) - 5 * BATCH:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        tenths.append((tree_seconds(top) - began) / (records // 10) * 1e6)
    await reading
    await consumer.stop()
    await producer.close()
    await bus.delete_topics(place.kafka, [TOPIC])
    return {
        "records": records,
        "broker_us_per_record": {"first": round(tenths[0], 1), "last": round(tenths[-1], 1)},
    }
