"""Publishing: idempotent, acknowledged by all, in batches of one partition each."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import aiokafka  # pyright: ignore[reportMissingTypeStubs]
from aiokafka import errors  # pyright: ignore[reportMissingTypeStubs]

from voc_common.bus.messages import MAX_MESSAGE, BusError, TooLarge
from voc_common.wire import Outgoing, partition

_BATCH_BYTES = 512 * 1024


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
                    metadata_max_age_ms=10_000,
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
        by_topic: dict[str, list[Outgoing]] = {}
        for message in messages:
            by_topic.setdefault(message.topic, []).append(message)
        by_place: dict[tuple[str, int], list[Outgoing]] = {}
        for topic, group in by_topic.items():
            name = self._namespace + topic
            count = await self._partitions(producer, name)
            for message in group:
                at = message.partition if message.partition >= 0 else partition(message.key, count)
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
        """Number of partitions of a topic, as of seconds ago: it may grow. Raises `BusError`."""
        try:
            producer = await self._connected()
            self._counts.pop(self._namespace + topic, None)
            return await self._partitions(producer, self._namespace + topic)
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
