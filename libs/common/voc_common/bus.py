"""The bus: the one module that knows aiokafka."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

import aiokafka  # pyright: ignore[reportMissingTypeStubs]
from aiokafka import TopicPartition, errors  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.admin import (  # pyright: ignore[reportMissingTypeStubs]
    AIOKafkaAdminClient,
    NewPartitions,
    NewTopic,
)
from msgspec import Struct

from voc_common.wire import Header, Outgoing, partition

log = logging.getLogger(__name__)

MAX_MESSAGE = 2 * 1024 * 1024
_BATCH_BYTES = 512 * 1024


class BusError(Exception):
    """The broker is away or refused; the same call may succeed later."""


class TooLarge(ValueError):
    """A message is larger than the topic takes: an error of the data, not of the bus."""


class PositionLost(RuntimeError):
    """A committed position is not in the log any more: the topic was made anew or its retention passed.

    Never healed in silence: `voc topics rewind`, then a replay from the archive.
    """


class Message(Struct, frozen=True, gc=False):
    """A message as it came, its topic without namespace."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[Header]


class Producer:
    """An idempotent producer that waits for all acknowledgements and is replaced after an error."""

    def __init__(self, servers: str, namespace: str) -> None:
        self._servers = servers
        self._namespace = namespace
        self._producer: Any = None
        self._counts: dict[str, int] = {}
        self._lock = asyncio.Lock()

    async def _connected(self) -> Any:
        async with self._lock:
            if self._producer is None:
                producer: Any = aiokafka.AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    enable_idempotence=True,
                    acks="all",
                    max_batch_size=_BATCH_BYTES,
                    max_request_size=MAX_MESSAGE,
                    linger_ms=0,
                    request_timeout_ms=10_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    # Else every try while the broker is away would leave its sockets behind.
                    with contextlib.suppress(Exception):
                        await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _partitions(self, producer: Any, name: str) -> int:
        count = self._counts.get(name)
        if count is None:
            count = len(await producer.partitions_for(name))
            if not count:
                raise BusError(f"topic {name} is not there: run `voc topics apply`")
            self._counts[name] = count
        return count

    async def publish(self, messages: Iterable[Outgoing]) -> None:
        """Send all and wait until all are acknowledged; raises `BusError` or `TooLarge`.

        After an error some may have been written: send the whole batch again.
        """
        pending = list(messages)
        if not pending:
            return
        for message in pending:
            if len(message.value) + 4096 > MAX_MESSAGE:
                raise TooLarge(f"{len(message.value)} bytes for {message.topic}")
        try:
            producer = await self._connected()
            await self._send(producer, pending)
        except errors.MessageSizeTooLargeError as error:
            raise TooLarge(str(error)) from error
        except (errors.KafkaError, AssertionError, OSError) as error:
            # An idempotent producer can wedge after OutOfOrderSequence: never use it again.
            await self.close()
            raise BusError(f"{type(error).__name__}: {error}") from error

    async def _send(self, producer: Any, messages: Sequence[Outgoing]) -> None:
        by_place: dict[tuple[str, int], list[Outgoing]] = {}
        for message in messages:
            name = self._namespace + message.topic
            at = message.partition
            if at < 0:
                at = partition(message.key, await self._partitions(producer, name))
            by_place.setdefault((name, at), []).append(message)
        sends = [self._send_place(producer, *place, group) for place, group in by_place.items()]
        results = await asyncio.gather(*sends, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    @staticmethod
    async def _send_place(producer: Any, name: str, at: int, messages: Sequence[Outgoing]) -> None:
        waiting: list[Any] = []
        batch: Any = producer.create_batch()
        for m in messages:
            if batch.append(key=m.key, value=m.value, timestamp=None, headers=m.headers) is None:
                waiting.append(await producer.send_batch(batch, name, partition=at))
                batch = producer.create_batch()
                batch.append(key=m.key, value=m.value, timestamp=None, headers=m.headers)
        waiting.append(await producer.send_batch(batch, name, partition=at))
        for future in waiting:
            await future

    async def partitions(self, topic: str) -> int:
        """Number of partitions of a topic; raises `BusError`."""
        try:
            return await self._partitions(await self._connected(), self._namespace + topic)
        except (errors.KafkaError, OSError) as error:
            await self.close()
            raise BusError(str(error)) from error

    async def close(self) -> None:
        """Drop the connection; the next publish opens a new one."""
        async with self._lock:
            producer, self._producer = self._producer, None
            self._counts.clear()
            if producer is not None:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(5):
                        await producer.stop()


class Consumer:
    """A member of a consumer group that gives micro-batches, live records before bulk ones.

    `turn` is held while a batch is handled and committed; a rebalance waits for it, so that the batch
    in flight is finished before its partitions are given up. It is not held while reading: reading
    waits for a rebalance to end.
    """

    def __init__(
        self, servers: str, namespace: str, group: str, topics: Sequence[str], session_ms: int
    ) -> None:
        self._namespace = namespace
        self._topics = [namespace + t for t in topics]
        self.turn = asyncio.Lock()
        self.generation = 0
        self._witness: dict[str, Any] = {}
        self._consumer: Any = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=servers,
            group_id=namespace + group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=max(session_ms // 5, 200),
            rebalance_timeout_ms=max(30_000, session_ms),
            max_poll_interval_ms=300_000,
            max_partition_fetch_bytes=MAX_MESSAGE,
            fetch_max_bytes=16 * MAX_MESSAGE,
            fetch_max_wait_ms=100,
            metadata_max_age_ms=10_000,
        )

    async def start(self) -> None:
        """Join the group; raises `BusError`."""
        try:
            await self._consumer.start()
        except (errors.KafkaError, OSError) as error:
            await self.stop()
            raise BusError(f"{type(error).__name__}: {error}") from error
        self._consumer.subscribe(self._topics, listener=_Listener(self))

    async def stop(self) -> None:
        """Leave the group."""
        with contextlib.suppress(errors.KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(10):
                await self._consumer.stop()

    def _split(self) -> tuple[list[Any], list[Any]]:
        assigned = self._consumer.assignment()
        live = [tp for tp in assigned if not tp.topic.endswith(".bulk")]
        return live, [tp for tp in assigned if tp.topic.endswith(".bulk")]

    async def poll(self, limit: int, linger_ms: int, wait_ms: int = 100) -> list[Message]:
        """Up to `limit` messages of one lane; empty after `wait_ms`. Raises `BusError`, `PositionLost`."""
        live, _ = self._split()
        found: dict[Any, list[Any]] = {}
        if live:
            found = await self._get(live, 0, limit)
        if not found:
            found = await self._get([], wait_ms, limit)
        count = sum(map(len, found.values()))
        lanes = {tp.topic.endswith(".bulk") for tp in found}
        if 0 < count < limit // 4 and linger_ms and lanes == {False} and live:
            # A few milliseconds more make a batch: 100 a transaction cost twice as much each as 1,000.
            await asyncio.sleep(linger_ms / 1000)
            for tp, more in (await self._get(live, 0, limit - count)).items():
                found.setdefault(tp, []).extend(more)
        cut = len(self._namespace)
        return [
            Message(tp.topic[cut:], tp.partition, r.offset, r.key or b"", r.value or b"", r.headers)
            for tp, records in found.items()
            for r in records
        ]

    async def _get(self, partitions: list[Any], wait_ms: int, limit: int) -> dict[Any, list[Any]]:
        try:
            try:
                return await self._consumer.getmany(
                    *partitions, timeout_ms=wait_ms, max_records=limit
                )
            except errors.NoOffsetForPartitionError as error:
                await self._begin(_partitions(error))
                return {}
        except errors.OffsetOutOfRangeError as error:
            raise PositionLost(str(error)) from error
        except errors.IllegalStateError:
            return {}  # the assignment changed between reading it and asking for its records
        except (errors.KafkaError, OSError) as error:
            raise BusError(f"{type(error).__name__}: {error}") from error

    async def _begin(self, places: Sequence[Any]) -> None:
        """Read partitions without a committed position from their beginning; raises `PositionLost`."""
        for topic in sorted({tp.topic for tp in places} & self._witness.keys()):
            # With a topic Kafka deletes the positions in it: what was not read by then is skipped.
            if await self._consumer.committed(self._witness[topic]) is None:
                raise PositionLost(f"{topic} was deleted and made anew")
        await self._consumer.seek_to_beginning(*places)

    async def commit(self, messages: Sequence[Message]) -> None:
        """Commit the positions behind these messages. A lost race is no loss: they are read again."""
        positions: dict[Any, int] = {}
        for m in messages:
            tp = TopicPartition(self._namespace + m.topic, m.partition)
            positions[tp] = max(positions.get(tp, 0), m.offset + 1)
        try:
            await self._consumer.commit(positions)
        except (errors.KafkaError, OSError) as error:
            log.info("positions not committed, will be read again: %s", error)
        else:
            self._witness |= {tp.topic: tp for tp in positions}

    async def rewind_to(self, messages: Sequence[Message]) -> None:
        """Read these messages again: their batch was abandoned."""
        first: dict[Any, int] = {}
        for m in messages:
            tp = TopicPartition(self._namespace + m.topic, m.partition)
            first[tp] = min(first.get(tp, m.offset), m.offset)
        for tp, offset in first.items():
            with contextlib.suppress(errors.IllegalStateError):
                self._consumer.seek(tp, offset)

    async def lag(self) -> int:
        """Messages behind the end of the assigned partitions, as far as known."""
        total = 0
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            if end is not None:
                with contextlib.suppress(errors.KafkaError, TimeoutError):
                    async with asyncio.timeout(1):
                        total += max(end - await self._consumer.position(tp), 0)
        return total

    def assigned(self) -> int:
        """Number of partitions this member holds."""
        return len(self._consumer.assignment())

    def missing(self) -> list[str]:
        """Topics that are not there, as far as known: the group goes on without them, and says nothing."""
        cut = len(self._namespace)
        return [t[cut:] for t in self._topics if not self._consumer.partitions_for_topic(t)]


def _partitions(error: Exception) -> list[Any]:
    return [a for a in error.args if isinstance(a, TopicPartition)]


class _Listener(aiokafka.ConsumerRebalanceListener):
    """Lets a rebalance wait for the batch in flight."""

    def __init__(self, consumer: Consumer) -> None:
        self._owner = consumer

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: Any
    ) -> None:
        """Finish the batch in flight before its partitions are given up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20), self._owner.turn:
                self._owner.generation += 1

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Any
    ) -> None:
        """Nothing to do: positions come from the group."""


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
