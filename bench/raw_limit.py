"""The raw limit: the same bytes over as many topics, one COPY a stage, and no logic at all.

    python bench/raw_limit.py --events 100000 [--report FILE]

Four stages as processes of their own (what ingest publishes, identity, taxonomy and scorecard take): each reads
micro-batches of up to 1,000, copies them into a table in one transaction, passes them on and commits its position.
Nobody can be faster with one Kafka and one Postgres on the same cores; what voc takes beyond it is its logic.
"""

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
from voc_common import bus
from voc_common.wire import Header, Outgoing
from voc_local.ground import Ground, ground

sys.path.insert(0, str(Path(__file__).parent))

from load import Load
from meter import tree_seconds

STAGES = 4
PARTITIONS = 6
HEADERS: list[Header] = [("ce_type", b"voc.Raw"), ("ce_id", b"0" * 32)]


def topic(stage: int) -> str:
    return f"raw.{stage}"


async def stage(number: int, servers: str, url: str) -> None:
    """Read, copy, pass on, commit; until killed."""
    consumer = bus.Consumer(servers, "", f"raw{number}", [topic(number)], 10_000)
    producer = bus.Producer(servers, "")
    database = await asyncpg.connect(url)
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
    database = await asyncpg.connect(servers.database_url)
    for n in range(STAGES):
        await database.execute(f"create table raw{n} (key bytea, value bytea)")
    spawn = multiprocessing.get_context("spawn")
    arguments = (servers.kafka, servers.database_url)
    workers = [
        spawn.Process(target=process, args=(n, *arguments), daemon=True) for n in range(STAGES)
    ]
    for worker in workers:
        worker.start()
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
        while await database.fetchval(f"select count(*) from raw{STAGES - 1}") < total:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    await through(messages[:warm], warm)
    assert servers.postgres_server is not None
    assert servers.kafka_server is not None
    pids = {f"stage {n}": w.pid or 0 for n, w in enumerate(workers)}
    pids |= {"postgres": servers.postgres_server.pid, "kafka": servers.kafka_server.pid}
    tops = {name: psutil.Process(pid) for name, pid in pids.items()}
    before = {name: tree_seconds(top) for name, top in tops.items()}
    began = time.monotonic()
    await through(messages[warm:], warm + events)
    seconds = time.monotonic() - began
    us = {
        name: round((tree_seconds(top) - before[name]) / events * 1e6, 1)
        for name, top in tops.items()
    }
    for worker in workers:
        worker.terminate()
    await producer.close()
    await database.close()
    return {
        "events": events,
        "bytes_per_event": round(sum(len(m.value) for m in messages) / len(messages)),
        "events_per_second": round(events / seconds),
        "us_per_event": us | {"all": round(sum(us.values()), 1)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        with ground(Path(folder)) as servers:
            report = asyncio.run(run(servers, asked.events, asked.warm))
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    if asked.report:
        asked.report.write_bytes(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
