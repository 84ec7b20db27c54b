"""Reading as a member of a consumer group, in micro-batches, positions committed by hand."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import aiokafka  # pyright: ignore[reportMissingTypeStubs]
from aiokafka import TopicPartition, errors  # pyright: ignore[reportMissingTypeStubs]

from voc_common.bus.messages import MAX_MESSAGE, BusError, Message, PositionLost

log = logging.getLogger(__name__)

_DOUBTS = 3
"""How often, a second apart, a broker must say that a committed position is not there."""


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
        self._committed: dict[str, set[Any]] = {}
        self._after_bulk = False
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
            # The broker answers as soon as there is something; this is how often it says that there is nothing.
            fetch_max_wait_ms=1000,
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

    async def poll(
        self, limit: int, linger_ms: int, wait_ms: int = 250, *, bulk: int | None = None
    ) -> list[Message]:
        """Up to `limit` messages of one lane; empty after `wait_ms`. Raises `BusError`, `PositionLost`.

        Where no live one is there, up to `bulk` messages (0: none, by default `limit`) of any.
        """
        most = limit if bulk is None else bulk
        self._fetch(True)
        live = [tp for tp in self._consumer.assignment() if not _is_bulk(tp)]
        found: dict[Any, list[Any]] = {}
        if live:
            # What is left of an import's fetch would always be there first.
            patience = linger_ms if self._after_bulk else 0
            found = await self._get(live, patience if most else wait_ms, limit)
        if not found and most:
            found = await self._get([], wait_ms, most)
        self._after_bulk = any(map(_is_bulk, found))
        count = sum(map(len, found.values()))
        if 0 < count < limit // 4 and live and not self._after_bulk:
            # A few milliseconds more make a batch: 100 a transaction cost twice as much each as 1,000.
            # What goes wrong meanwhile is said again by the next poll; these were read, and the next commit would skip them.
            with contextlib.suppress(BusError, PositionLost):
                for tp, more in (await self._get(live, linger_ms, limit - count)).items():
                    found.setdefault(tp, []).extend(more)
        if found:
            self._fetch(False)
        cut = len(self._namespace)
        return [
            Message(tp.topic[cut:], tp.partition, r.offset, r.key or b"", r.value or b"", r.headers)
            for tp, records in found.items()
            for r in records
        ]

    def _fetch(self, wanted: bool) -> None:
        """Ask the broker for more, or no longer: only while waiting for it, not while a batch is handled.

        The driver has one request at a time. Sent while a batch is handled it brings the first few records that come
        and the rest waits; sent when all that is busy has brought some (the driver does so after 0.1 s), it waits
        `fetch_max_wait_ms` for partitions where nothing comes, in which nothing can be asked of the others.
        """
        (self._consumer.resume if wanted else self._consumer.pause)(*self._consumer.assignment())

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
        # A broker that has just started knows no topics yet, and says of their positions that there are none.
        known = await self._consumer.topics()
        for topic in sorted({tp.topic for tp in places} & self._committed.keys()):
            if not await self._settled(topic, places):
                return  # the driver asks again
        new = [
            tp for tp in places if tp.topic in known and await self._consumer.committed(tp) is None
        ]
        if new:
            await self._consumer.seek_to_beginning(*new)

    async def _settled(self, topic: str, places: Sequence[Any]) -> bool:
        """Whether the broker knows a position that was committed in a topic at once; raises `PositionLost` if it never does.

        With a topic Kafka deletes the positions in it: what was not read by then is skipped.
        """
        mine = self._committed[topic]
        asked = next(iter(mine.intersection(places) or mine))
        for doubt in range(_DOUBTS):
            if await self._consumer.committed(asked) is not None:
                return not doubt
            await asyncio.sleep(1)
        raise PositionLost(f"{topic} was deleted and made anew")

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
            for tp in positions:
                self._committed.setdefault(tp.topic, set()).add(tp)

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


def _is_bulk(partition: Any) -> bool:
    return partition.topic.endswith(".bulk")


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
