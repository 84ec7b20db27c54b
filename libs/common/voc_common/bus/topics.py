"""Topics and the positions of groups in them, as an operator sees and sets them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiokafka  # pyright: ignore[reportMissingTypeStubs]
from aiokafka import TopicPartition, errors  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.admin import (  # pyright: ignore[reportMissingTypeStubs]
    AIOKafkaAdminClient,
    NewPartitions,
    NewTopic,
)
from msgspec import Struct

from voc_common.bus.messages import BusError


@contextlib.asynccontextmanager
async def _admin(servers: str) -> AsyncGenerator[Any]:
    client: Any = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await client.start()
        yield client
    except (errors.KafkaError, OSError) as error:
        raise BusError(f"{type(error).__name__}: {error}") from error
    finally:
        await client.close()


async def apply_topics(
    servers: str, namespace: str, wanted: Mapping[str, tuple[int, Mapping[str, str]]]
) -> list[str]:
    """Create what is missing and grow what is too small, never the other way; says what it did.

    `wanted` maps a topic to (partitions, configuration).
    """
    done: list[str] = []
    async with _admin(servers) as admin:
        # One broker's loss must not be the loss of a topic, where there are more than one.
        replication = min(3, len((await admin.describe_cluster())["brokers"]))
        there = await _counts(admin)
        new = [
            NewTopic(namespace + n, count, replication, topic_configs=dict(config))
            for n, (count, config) in wanted.items()
            if namespace + n not in there
        ]
        if new:
            answer = await admin.create_topics(new)
            for name, code, *_ in answer.topic_errors:
                if code not in (0, errors.TopicAlreadyExistsError.errno):
                    raise BusError(f"topic {name}: {errors.for_code(code).__name__}")
                done += [f"created {name}"] if code == 0 else []
        there = await _settled(admin, {namespace + n: 1 for n in wanted})
        grow = {namespace + n: c for n, (c, _) in wanted.items() if there[namespace + n] < c}
        if grow:
            await admin.create_partitions({n: NewPartitions(c) for n, c in grow.items()})
            await _settled(admin, grow)
            done += [f"grew {n}" for n in grow]
    return done


async def _counts(admin: Any) -> dict[str, int]:
    described = await admin.describe_topics()
    return {t["topic"]: len(t["partitions"]) for t in described if not t["error_code"]}


async def _settled(admin: Any, wanted: Mapping[str, int]) -> dict[str, int]:
    """Wait until the brokers tell of all these topics and partitions: a moment after they are made."""
    deadline = time.monotonic() + 15
    while True:
        there = await _counts(admin)
        missing = [n for n, count in wanted.items() if there.get(n, 0) < count]
        if not missing:
            return there
        if time.monotonic() > deadline:
            raise BusError(f"Kafka does not show what was asked for: {', '.join(missing)}")
        await asyncio.sleep(0.1)


async def delete_topics(servers: str, names: Sequence[str]) -> None:
    """Delete topics by their full names."""
    async with _admin(servers) as admin:
        await admin.delete_topics(list(names))


async def _places(admin: Any, namespace: str, topics: Sequence[str]) -> list[Any]:
    described = await admin.describe_topics([namespace + t for t in topics])
    return [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]


async def rewind(servers: str, namespace: str, group: str, topics: Sequence[str]) -> None:
    """Put a group that is not running back to the earliest position of these topics; raises `BusError`."""
    async with _admin(servers) as admin:
        (described,) = await admin.describe_consumer_groups([namespace + group])
        state = described.groups[0][2]
        if state not in ("Dead", "Empty"):
            raise BusError(
                f"workers of {group} are running (its group is {state}): stop them first"
            )
        places = await _places(admin, namespace, topics)
    if not places:
        raise BusError(f"none of {', '.join(topics)} is there: run `voc topics apply`")
    consumer: Any = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=namespace + group, enable_auto_commit=False
    )
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.commit(await consumer.beginning_offsets(places))
    except (errors.KafkaError, OSError) as error:
        raise BusError(f"{type(error).__name__}: {error}") from error
    finally:
        await consumer.stop()


class Position(Struct, frozen=True, gc=False):
    """Where a group is in a partition: `committed` is -1 where it has not begun."""

    topic: str
    partition: int
    committed: int
    start: int
    end: int

    @property
    def lag(self) -> int:
        """Messages that are still to be read."""
        return max(self.end - (self.committed if self.committed >= 0 else self.start), 0)

    @property
    def lost(self) -> bool:
        """True if what would be read next is not in the log any more."""
        return self.committed >= 0 and not self.start <= self.committed <= self.end


async def positions(
    servers: str, namespace: str, group: str, topics: Sequence[str]
) -> list[Position]:
    """Where a group is in every partition of these topics; raises `BusError`."""
    async with _admin(servers) as admin:
        committed = await admin.list_consumer_group_offsets(namespace + group)
        places = await _places(admin, namespace, topics)
    if not places:
        return []
    consumer: Any = aiokafka.AIOKafkaConsumer(bootstrap_servers=servers)
    try:
        await consumer.start()
        # Else it would ask for the topics one by one, a tenth of a second each. Nothing shall be fetched.
        consumer.assign(places)
        consumer.pause(*places)
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
    except (errors.KafkaError, OSError) as error:
        raise BusError(f"{type(error).__name__}: {error}") from error
    finally:
        await consumer.stop()
    cut = len(namespace)
    return [
        Position(
            tp.topic[cut:],
            tp.partition,
            committed[tp].offset if tp in committed else -1,
            starts[tp],
            ends[tp],
        )
        for tp in places
    ]


async def group_lag(servers: str, namespace: str, group: str, topics: Sequence[str]) -> int:
    """Messages that a group has not committed yet, over all partitions of these topics."""
    return sum(p.lag for p in await positions(servers, namespace, group, topics))


async def partition_counts(servers: str, namespace: str) -> dict[str, int]:
    """The topics of a namespace that are there, each with its partitions; raises `BusError`."""
    async with _admin(servers) as admin:
        counts = await _counts(admin)
    return {n.removeprefix(namespace): c for n, c in counts.items() if n.startswith(namespace)}
