"""Tell the time: up to when all that was known has been published."""

import time

import msgspec
from voc_common.events import ActivityReceived, FeedbackReceived, Lane, Tick
from voc_common.wire import Outgoing, encode_tick, topic
from voc_common.worker import Context

from voc_ingest.domain.ticks import watermark
from voc_ingest.repository import pending, rhythm


async def tick(context: Context, seconds: float) -> bool:
    """One worker every `seconds` ticks the partitions of the live topics."""
    now = time.time_ns() // 1000
    async with context.database.transaction() as tx:
        if not await rhythm.due(tx, "tick", seconds):
            return False
        through = watermark(now, await pending.least_known(tx))
    await publish_ticks(context, Tick(through=through), "live")
    return False


async def publish_ticks(context: Context, what: Tick, lane: Lane) -> None:
    """One tick for every partition of both received topics."""
    out: list[Outgoing] = []
    for name in (topic(FeedbackReceived, lane), topic(ActivityReceived, lane)):
        count = await context.producer.partitions(name)
        one = msgspec.structs.replace(what, partitions=count)
        out += [encode_tick(one, name, at) for at in range(count)]
    await context.producer.publish(out)
