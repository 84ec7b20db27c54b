"""Accepted to visible: how long after its 202 a request's records stand on the scorecard, at shares of the maximum.

Open-loop load of requests of 100 that are due at random moments, at 25, 50 and 70 % of the events per second of
end_to_end. Every request is watched: `visible` has the resolution (10 ms). Beside it the door's own answers, from
when a request was due.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from installed import TENANT, Bench, Door
from load import Load
from meter import Meter, per_event
from posting import OpenLoop, Sent, percentiles
from reader import vacuum
from visible import Visible
from voc_common.bus import partition_counts
from voc_common.events import FeedbackReceived

REQUEST = 100
CONNECTIONS = 24
SHARES = (25, 50, 70)
SETTLE = 0.2
"""The share of a load's time that comes before it and is not counted."""


class Watched(OpenLoop):
    """An open loop whose accepted requests are watched until they can be seen."""

    def __init__(self, door: Door, rate: float, visible: Visible) -> None:
        super().__init__(door.connections(CONNECTIONS), rate / REQUEST)
        self._visible = visible

    def answered(self, sent: Sent) -> None:
        """Note an answer, and wait for its records."""
        super().answered(sent)
        if sent.status == 202:
            self._visible.expect(sent.records, sent.answered)


def endless(load: Load) -> Iterator[bytes]:
    """Bodies of requests, made as they are taken."""
    while True:
        yield from load.batches(REQUEST, REQUEST)


async def loaded(
    bench: Bench,
    rate: float,
    seconds: float,
    *,
    bodies: Iterator[bytes] | None = None,
    until: asyncio.Event | None = None,
) -> dict[str, Any]:
    """Load of `rate` events a second for so long or until told; door and visibility in milliseconds."""
    count = await partition_counts(bench.place.kafka, "")
    visible = Visible(bench.place.database_url, TENANT, count[FeedbackReceived.TOPIC])
    loop = Watched(Door(bench), rate, visible)
    looking = asyncio.create_task(visible.run())
    await loop.run(bodies or endless(bench.load), until or asyncio.Event(), seconds)
    taken = [sent for sent in loop.sent if sent.status == 202]
    bench.accepted += REQUEST * len(taken)
    unseen = await visible.drained()
    if looking.done():
        looking.result()  # it ends by itself only with an error
    looking.cancel()
    lasted = max(s.answered for s in loop.sent) - min(s.due for s in loop.sent)
    return {
        "offered_per_second": round(rate),
        "accepted_per_second": round(REQUEST * len(taken) / lasted),
        "requests": len(loop.sent),
        "refused": len(loop.sent) - len(taken),
        "never_visible": unseen,
        "door_ms": percentiles(sent.seconds for sent in taken),
        "visible_ms": percentiles(visible.seconds),
    }


async def run(bench: Bench) -> dict[str, Any]:
    """The three shares, one after another; what settling needs comes before each."""
    maximum: int = bench.found["end_to_end"]["events_per_second"]
    report: dict[str, Any] = {"maximum": maximum}
    # Tables that were filled within a minute would be vacuumed in the midst of the first load.
    await vacuum(bench.place.database_url)
    for share in SHARES:
        rate, seconds = maximum * share / 100, bench.sizes.latency_seconds
        bench.tell(f"{share} % of {maximum:,} events/s for {seconds:.0f} s")
        requests = int(rate / REQUEST * seconds * (1 + SETTLE) * 1.3) + 20
        bodies = iter([next(bench.load.batches(REQUEST, REQUEST)) for _ in range(requests)])
        await loaded(bench, rate, seconds * SETTLE, bodies=bodies)
        meter = Meter(bench.place, bench.fleet)
        before, accepted = meter.read(), bench.accepted
        inside = await meter.backends()
        found = await loaded(bench, rate, seconds, bodies=bodies)
        events = bench.accepted - accepted
        us = per_event(meter.read().since(before), events)
        report[f"at_{share}"] = found | {
            "us_per_event": us,
            "postgres_us_per_event": per_event((await meter.backends()).since(inside), events),
        }
        await Door(bench).until_counted()
    return report
