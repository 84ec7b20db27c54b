"""Tell the time: up to when all that was known has been published."""

import time
from collections.abc import Awaitable, Callable

import msgspec
from voc_common.events import ActivityReceived, FeedbackReceived, Lane, Tick
from voc_common.wire import Outgoing, encode_tick, topic
from voc_common.worker import Context

from voc_ingest.domain.ticks import watermark
from voc_ingest.repository import pending, rhythm


def ticking(seconds: float) -> Callable[[Context], Awaitable[bool]]:
    """A job that ticks, and does not ask for the turn before it can be somebody's."""
    ask_at = 0.0

    async def run(context: Context) -> bool:
        nonlocal ask_at
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + await tick(context, seconds)
        return False

    return run


async def tick(context: Context, seconds: float) -> float:
    """One worker every `seconds` ticks the partitions of the live topics; returns the seconds to the next turn."""
    now = time.time_ns() // 1000
    async with context.database.transaction() as tx:
        if not await rhythm.due(tx, "tick", seconds):
            return await rhythm.until(tx, "tick")
        through = watermark(now, await pending.least_known(tx))
    await publish_ticks(context, Tick(through=through), "live")
    return seconds


async def publish_ticks(context: Context, what: Tick, lane: Lane) -> None:
    """One tick for every partition of both received topics."""
    out: list[Outgoing] = []
    for name in (topic(FeedbackReceived, lane), topic(ActivityReceived, lane)):
        count = await context.producer.partitions(name)
        one = msgspec.structs.replace(what, partitions=count)
        out += [encode_tick(one, name, at) for at in range(count)]
    await context.producer.publish(out)
