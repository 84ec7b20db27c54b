"""A consumer that has fallen behind: how fast it catches up, and whether its memory stays flat.

Identity's worker is stopped, as many events as asked are accepted, and it is started again: all of them lie before it
on the bus. Memory of every worker is sampled until it has caught up and until all is counted; those after it then
have the same to catch up with.
"""

import asyncio
import time
from typing import Any

import psutil
from installed import BATCH, Bench, Door, per_service
from voc_cli import services
from voc_common import bus

SERVICE = "identity"
PERIOD = 0.5
BEGUN = 0.1
"""The share of what lies before it after which a worker has all its libraries, caches and plans."""


async def run(bench: Bench) -> dict[str, Any]:
    """Events a second, and the memory of each worker from when it was begun to the end."""
    events = bench.sizes.behind_events
    (worker,) = bench.fleet.of(SERVICE, "worker")
    worker.stop()
    door = Door(bench)
    try:
        for begin in range(0, events, 100 * BATCH):
            some = min(100 * BATCH, events - begin)
            await door.send(list(bench.load.batches(some, BATCH)), some)
        await door.published()
    finally:
        worker.start(worker.port)
    began = time.monotonic()
    samples: list[tuple[float, int, dict[str, float]]] = []
    caught_up = 0.0
    counting = asyncio.create_task(door.until_counted())
    while not counting.done():
        lag = 0 if caught_up else await _lag(bench)
        at = time.monotonic() - began
        if not lag and not caught_up and samples:
            caught_up = at
        samples.append((at, lag, _memory(bench)))
        await asyncio.sleep(PERIOD)
    await counting
    first = max(lag for _, lag, _ in samples)
    ready = next(at for at, lag, _ in samples if lag < first)
    courses = {s: _course(samples, s, first) for s in services.SERVICES}
    return {
        "events": events,
        "service": SERVICE,
        "lag_at_first": first,
        "seconds": round(caught_up - ready, 1),
        "events_per_second": round(first / max(caught_up - ready, PERIOD)),
        "counted_per_second": round(events / (time.monotonic() - began)),
        "memory_mb": courses,
        "peak_mb": max(course["peak"] for course in courses.values()),
        "grown_mb": courses[SERVICE]["grown"],
    }


async def _lag(bench: Bench) -> int:
    topics = services.topics(SERVICE)
    return await bus.group_lag(bench.place.kafka, "", SERVICE, topics)


def _memory(bench: Bench) -> dict[str, float]:
    there = [p for p in bench.fleet.processes if p.role == "worker" and p.running()]
    return per_service({p.name: psutil.Process(p.pid).memory_info().rss / 2**20 for p in there})


def _course(
    samples: list[tuple[float, int, dict[str, float]]], service: str, first: int
) -> dict[str, float]:
    """Memory when a tenth was done, its peak from then on, at the end, and how much it grew."""
    begun = next((i for i, (_, lag, _) in enumerate(samples) if lag < first * (1 - BEGUN)), 0)
    course = [memory[service] for _, _, memory in samples[begun:]]
    found = {"begun": course[0], "peak": max(course), "end": course[-1]}
    return {**found, "grown": round(max(course) - course[0], 1)}
