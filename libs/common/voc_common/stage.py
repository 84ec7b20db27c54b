"""The delivery loop of a worker: read, fold, join in one transaction, publish, commit.

The law: any permutation, duplication, interleaving or re-reading of the log, by any number of workers,
ends in the same rows. The loop gives a handler a batch folded to one event per record, and keeps
the order "Postgres, bus, position": whatever dies in between is read again, which is harmless.
"""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

from voc_common import collect_garbage, telemetry
from voc_common.bus import BusError, Consumer, Message, Producer, TooLarge
from voc_common.decoding import Decoded, decode_all
from voc_common.events import BULK_TYPES, Event, Lane, Tick
from voc_common.fold import fold
from voc_common.lanes import Lanes
from voc_common.postgres.database import Database, DatabaseAway, Retry, Transaction
from voc_common.postgres.dead_letters import OPERATOR, DeadLetter, bury, dead_letter
from voc_common.suspicion import Attempts, Refused
from voc_common.wire import TICK_KEY, Outgoing, encode, encode_tick, topic

log = logging.getLogger(__name__)

Handler = Callable[[Transaction, list[Any]], Awaitable[Sequence[Event]]]
"""Given the events of one type, folded; returns what follows from them, published before the commit."""

LONGEST_PAUSE = 1.0
"""Seconds between two tries while a server is away. Each stage adds to the time that a record takes once it is back."""

TickHandler = Callable[[Transaction, "list[TickAt]"], Awaitable[None]]


class TickAt(Struct, frozen=True):
    """A tick and the partition that it speaks of."""

    topic: str
    partition: int
    tick: Tick


class Subscriptions(Struct, frozen=True):
    """What a service consumes: a handler for each type, and where ticks go on to.

    `forwards` maps a consumed type to the type it becomes, so that ticks travel behind the records.
    """

    handlers: Mapping[type[Any], Handler]
    forwards: Mapping[type[Any], type[Any]] = {}
    ticks: TickHandler | None = None


class Stage:
    """One worker's loop over its partitions. `run` returns after `stop` has been called."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        database: Database,
        consumer: Consumer,
        producer: Producer,
        *,
        batch: int = 1000,
        linger_ms: int = 2,
        poison_share: float = 0.5,
    ) -> None:
        self._subscriptions = subscriptions
        self._database = database
        self._consumer = consumer
        self._producer = producer
        self._batch = batch
        self._linger_ms = linger_ms
        self._stopping = asyncio.Event()
        self._attempts = Attempts(database)
        self._refused = Refused(poison_share)
        self._lanes = Lanes()
        self._record_topics = {topic(k, "live") for k in subscriptions.handlers if k in BULK_TYPES}
        self._by_topic = {topic(k, lane): k for k in subscriptions.handlers for lane in _LANES}
        self.progressed = time.monotonic()
        self.failure: str = ""

    def stop(self) -> None:
        """Finish the batch in flight, then return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Handle batches until stopped; raises `PositionLost` and `Outage`."""
        wait, batch = 0.05, 0
        messages: list[Message] = []
        while not self._stopping.is_set():
            try:
                generation = self._consumer.generation
                messages = await self._consumer.poll(
                    self._batch, self._linger_ms, bulk=self._bulk_batch()
                )
                if messages:
                    async with self._consumer.turn:
                        if generation == self._consumer.generation:
                            began = time.monotonic()
                            await self._handle_until_done(messages)
                            self._noted(messages, time.monotonic() - began)
                        else:
                            # Read around a rebalance: what is ours now would be skipped by the next commit.
                            await self._consumer.rewind_to(messages)
                    batch += 1
                    messages = []
                    collect_garbage(batch)
                self.progressed, self.failure, wait = time.monotonic(), "", 0.05
            except BusError as error:
                self.failure = str(error)
                log.warning("the bus is away, waiting: %s", error)
                await self._pause(wait)
                wait = min(wait * 2, LONGEST_PAUSE)
            await asyncio.sleep(0)

    def _noted(self, messages: Sequence[Message], seconds: float) -> None:
        if messages[0].topic.endswith(".bulk"):
            self._lanes.worked(seconds)
        elif any(m.key != TICK_KEY and m.topic in self._record_topics for m in messages):
            # What identity says of people while it takes an import is not live work.
            self._lanes.live(seconds)

    def _bulk_batch(self) -> int:
        """How much of an import to take next: what is live must never wait long for it."""
        if not self._lanes.shared():
            return self._batch
        return 0 if self._lanes.rest() else min(_BULK_BATCH, self._batch)

    async def _pause(self, seconds: float) -> None:
        jittered = seconds * random.uniform(0.5, 1.5)  # noqa: S311
        try:
            async with asyncio.timeout(jittered):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _handle_until_done(self, messages: list[Message]) -> None:
        """Handle a batch, waiting as long as Postgres or the bus are away; nothing is dead-lettered then."""
        wait, began = 0.05, time.monotonic()
        generation = self._consumer.generation
        while True:
            try:
                await self._handle(messages)
            except (BusError, DatabaseAway, Retry) as error:
                self.failure = str(error)
                log.warning("waiting to handle %d messages: %s", len(messages), error)
                await self._pause(wait)
                wait = min(wait * 2, LONGEST_PAUSE)
                if self._stopping.is_set() or time.monotonic() - began > _GIVE_UP_SECONDS:
                    # Not committed: read again by whoever has the partition then.
                    await self._consumer.rewind_to(messages)
                    return
            else:
                break
        if generation == self._consumer.generation:
            await self._consumer.commit(messages)

    async def _handle(self, messages: list[Message]) -> None:
        suspicious = await self._attempts.begun(messages, self._consumer.generation)
        started, cpu = time.monotonic(), time.thread_time()
        decoded, letters = decode_all(messages)
        out: list[Outgoing] = []
        with telemetry.batch_span(self._database.schema, messages) as traces:
            groups = self._grouped(decoded)
            for (kind, lane), group in groups.items():
                shard = group[0].message.partition % 8
                parts = [[one] for one in group] if suspicious else portions(group, self._batch)
                for part in parts:
                    done, refused = await self._bisect(kind, part, shard)
                    self.progressed = time.monotonic()
                    letters += refused
                    out += [encode(e, lane, traces.follow(e)) for e in done]
            if letters:
                log.warning(
                    "refused %d of %d, the first: %s",
                    len(letters),
                    len(messages),
                    letters[0].reason,
                )
                await self._bury(letters)
            self._refused.note(len(messages), letters)
            out += await self._ticks(decoded)
            await self._publish(out)
        await self._attempts.survived(messages)
        telemetry.observe_batch(
            self._database.schema,
            len(messages),
            time.monotonic() - started,
            time.thread_time() - cpu,
        )

    def _grouped(self, decoded: Sequence[Decoded]) -> dict[tuple[type[Any], Lane], list[Decoded]]:
        """One event type per transaction: across types two workers could lock rows in other orders."""
        groups: dict[tuple[type[Any], Lane], list[Decoded]] = defaultdict(list)
        for one in decoded:
            kind = cast("type[Any]", type(one.event))
            if kind in self._subscriptions.handlers:
                lane: Lane = "bulk" if one.message.topic.endswith(".bulk") else "live"
                groups[kind, lane].append(one)
        return groups

    async def _bisect(
        self, kind: type[Any], group: Sequence[Decoded], shard: int
    ) -> tuple[list[Event], list[DeadLetter]]:
        """Handle a group; where the data is at fault, halve it down to the poison record and go on."""
        handler = self._subscriptions.handlers[kind]
        events = fold(one.event for one in group)

        async def use(tx: Transaction) -> Sequence[Event]:
            return await handler(tx, events)

        try:
            return list(await self._database.retried(use, shard=shard)), []
        except (BusError, DatabaseAway, Retry):
            raise
        except Exception as error:  # noqa: BLE001
            if len(group) == 1:
                one = group[0]
                return [], [
                    dead_letter(one.message, one.event.tenant, f"{type(error).__name__}: {error}")
                ]
        middle = len(group) // 2
        left, left_refused = await self._bisect(kind, group[:middle], shard)
        right, right_refused = await self._bisect(kind, group[middle:], shard)
        return left + right, left_refused + right_refused

    async def _publish(self, out: Sequence[Outgoing]) -> None:
        try:
            await self._producer.publish(out)
        except TooLarge:
            letters: list[DeadLetter] = []
            for one in out:
                try:
                    await self._producer.publish([one])
                except TooLarge as error:
                    message = Message(one.topic, one.partition, -1, one.key, one.value, one.headers)
                    letters.append(dead_letter(message, _tenant_of(one), str(error)))
            await self._bury(letters)

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        async def use(tx: Transaction) -> int:
            return await bury(tx, self._database.schema, letters)

        telemetry.count_dead_letters(self._database.schema, await self._database.retried(use))

    async def _ticks(self, decoded: Sequence[Decoded]) -> list[Outgoing]:
        """Ticks go on behind the records they speak of, to the same partition of the next topic."""
        found = [
            TickAt(one.message.topic, one.message.partition, one.event)
            for one in decoded
            if isinstance(one.event, Tick)
        ]
        handler = self._subscriptions.ticks
        if found and handler is not None:

            async def use(tx: Transaction) -> None:
                await handler(tx, found)

            await self._database.retried(use)
        out: list[Outgoing] = []
        for at in found:
            kind = self._by_topic.get(at.topic)
            following = self._subscriptions.forwards.get(kind) if kind else None
            if following is not None:
                lane: Lane = "bulk" if at.topic.endswith(".bulk") else "live"
                out.append(encode_tick(at.tick, topic(following, lane), at.partition))
        return out


def portions(group: Sequence[Decoded], most: int) -> list[list[Decoded]]:
    """A group in parts that tell of at most so many records each, or are one event.

    An event may tell of hundreds of records: a batch of such would be a transaction over any number of them.
    """
    found: list[list[Decoded]] = [[]]
    told = 0
    for one in group:
        records = len(getattr(one.event, "records", ())) or 1
        if found[-1] and told + records > most:
            found.append([])
            told = 0
        found[-1].append(one)
        told += records
    return found


_LANES: tuple[Lane, ...] = ("live", "bulk")
_GIVE_UP_SECONDS = 60.0
_BULK_BATCH = 100


def _tenant_of(message: Outgoing) -> str:
    return message.key.split(b"/")[0].decode("utf-8", "replace") or OPERATOR
