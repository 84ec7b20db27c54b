"""The raw limit: the same bytes over as many topics, one COPY a stage, and no logic at all.

    python bench/raw_limit.py --events 100000 [--report FILE]

Four stages as processes of their own (what ingest publishes, identity, taxonomy and scorecard take): each reads
micro-batches of up to 1,000, copies them into a table in one transaction, passes them on and commits its position.
Nobody can be faster with one Kafka and one Postgres on the same cores; what voc takes beyond it is its logic.
"""

import asyncio
from typing import Any

import msgspec
from load import Load
from reader import connect
from running import main, measured, spawned
from voc_common import bus
from voc_common.wire import Header, Outgoing
from voc_local.ground import Ground

STAGES = 4
PARTITIONS = 6
HEADERS: list[Header] = [("ce_type", b"voc.Raw"), ("ce_id", b"0" * 32)]


def topic(stage: int) -> str:
    return f"raw.{stage}"


async def stage(number: int, servers: str, url: str) -> None:
    """Read, copy, pass on, commit; until killed."""
    consumer = bus.Consumer(servers, "", f"raw{number}", [topic(number)], 10_000)
    producer = bus.Producer(servers, "")
    database = await connect(url)
    await consumer.start()
    while True:
        messages = await consumer.poll(1000, 5)
        if not messages:
            continue
        async with database.transaction():
            await database.copy_records_to_table(
                f"raw{number}", records=[(m.key, m.value) for m in messages]
            )
        if number + 1 < STAGES:
            await producer.publish(
                [Outgoing(topic(number + 1), m.key, m.value, HEADERS) for m in messages]
            )
        await consumer.commit(messages)


def process(number: int, servers: str, url: str) -> None:
    asyncio.run(stage(number, servers, url))


async def run(servers: Ground, events: int, warm: int) -> dict[str, Any]:
    await bus.apply_topics(servers.kafka, "", {topic(n): (PARTITIONS, {}) for n in range(STAGES)})
    database = await connect(servers.database_url)
    for n in range(STAGES):
        await database.execute(f"create table raw{n} (key bytea, value bytea)")
    workers = spawned(process, {f"stage {n}": n for n in range(STAGES)}, servers)
    producer = bus.Producer(servers.kafka, "")
    load = Load(seed=7)
    encode = msgspec.json.Encoder().encode
    messages = [
        Outgoing(topic(0), f"bench/{n}".encode(), encode(load.record()), HEADERS)
        for n in range(warm + events)
    ]

    async def through(batch: list[Outgoing], total: int) -> None:
        for begin in range(0, len(batch), 500):
            await producer.publish(batch[begin : begin + 500])
        counted = f"select count(*) from raw{STAGES - 1}"
        while await database.fetchval(counted) < total:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    await through(messages[:warm], warm)
    report = await measured(
        servers, workers, events, lambda: through(messages[warm:], warm + events)
    )
    for worker in workers.values():
        worker.terminate()
    await producer.close()
    await database.close()
    return report | {"bytes_per_event": round(sum(len(m.value) for m in messages) / len(messages))}


if __name__ == "__main__":
    main(__doc__ or "", run, events=100_000, warm=20_000)
