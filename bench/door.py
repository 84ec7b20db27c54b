"""The door alone: ingest's api with its Postgres, the broker present and no other process started yet.

What it takes in is counted once the others run, and warms them. CPU an event of ingest's api, ingest's worker (which publishes nothing here) and the whole of Postgres, until all is
on the bus. The broker's is told apart: it is in the figure of the whole path.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from installed import BATCH, SENDERS, Bench, Door
from meter import Meter, per_event
from posting import Connection, closed_loop

CONNECTIONS = 64
_encode = msgspec.json.Encoder().encode


async def run(bench: Bench) -> dict[str, Any]:
    """Batches of 500 over four connections, then single posts over 64."""
    sizes = bench.sizes
    batches = list(bench.load.batches(sizes.door_events, BATCH))
    posts = [_encode(bench.load.record()) for _ in range(sizes.door_posts)]
    door = Door(bench)
    few, many = door.connections(SENDERS), door.connections(CONNECTIONS, "/v1/feedback")
    return {
        "batch": await _measured(bench, door, few, batches, sizes.door_events),
        "single": await _measured(bench, door, many, posts, sizes.door_posts),
    }


async def _measured(
    bench: Bench, door: Door, connections: list[Connection], bodies: Sequence[bytes], events: int
) -> dict[str, Any]:
    meter = Meter(bench.place, bench.fleet)
    before, began, own = meter.read(), time.monotonic(), time.process_time()
    waits = await closed_loop(connections, bodies)
    seconds = time.monotonic() - began
    await door.published()
    spent = meter.read().since(before)
    bench.accepted += events
    us = per_event(spent, events)
    return {
        "events": events,
        "connections": len(connections),
        "events_per_second": round(events / seconds),
        "asked_to_wait": waits,
        "us": round(us["all"] - us["kafka"], 1),
        "us_per_event": us,
        "load_us_per_event": round((time.process_time() - own) / events * 1e6, 1),
    }
