"""The whole path at full speed: pre-generated batches by HTTP into ingest until all are counted.

    python bench/end_to_end.py [--events 100000] [--warm 20000] [--people 20000] [--rounds 1] [--report FILE]

Starts Postgres, Kafka and every service (an api and a worker each) in a folder of its own, sends batches of 500 over
four connections as fast as the door takes them, and reads the CPU time of every process tree until the scorecard's
rows hold all. The generator's own CPU is told apart and belongs to no sum. With more rounds so many events are sent
again and again, each round reported by itself: what the same event costs as the people have more records.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
from installed import BATCH, Bench, Door, door_only, per_service, servers, start_others
from meter import Meter, per_event
from rich.console import Console
from sizes import FULL
from stored import grown, in_the_database, on_the_bus


async def warm(bench: Bench) -> None:
    """Start all that does not run yet, send what warms it up, beside what the door has taken before."""
    start_others(bench.fleet)
    door, events = Door(bench), max(bench.sizes.warm_events, bench.load.untold)
    await door.send(list(bench.load.batches(events, BATCH)), events)
    await door.until_counted()


async def run(bench: Bench) -> dict[str, Any]:
    """Send `sizes.events`, all of them as fast as possible; rates, CPU, memory and bytes an event."""
    events = bench.sizes.events
    door, meter = Door(bench), Meter(bench.place, bench.fleet)
    batches = list(bench.load.batches(events, BATCH))
    idle = await _idle(meter, bench.sizes.idle_seconds)
    inside = await meter.backends()
    bus, database = on_the_bus(bench.place), await in_the_database(bench.place)
    before, began, own = meter.read(), time.monotonic(), time.process_time()
    waits = await door.send(batches, events)
    accepted = time.monotonic() - began
    await door.until_counted()
    seconds = time.monotonic() - began
    spent, generator = meter.read().since(before), time.process_time() - own
    backends = (await meter.backends()).since(inside)
    us = per_event(spent, events)
    topics = grown(bus, on_the_bus(bench.place), events)
    schemas = grown(database, await in_the_database(bench.place), events)
    memory = meter.memory()
    of_services = per_service(memory)
    return {
        "events": events,
        "events_per_second": round(events / seconds),
        "accepted_per_second": round(events / accepted),
        "asked_to_wait": waits,
        "lost": bench.accepted - await door.shown(),
        "us_per_event": us,
        "us_per_service": per_service(us),
        "postgres_us_per_event": per_event(backends, events),
        "idle_ms_per_second": idle,
        "load_us_per_event": round(generator / events * 1e6, 1),
        "bytes_per_event": {
            "sent": round(sum(map(len, batches)) / events),
            "bus": sum(topics.values()),
            "database": sum(size for name, size in schemas.items() if name != "wal"),
        },
        "bytes_by_topic": topics,
        "bytes_by_schema": schemas,
        "memory_mb": memory,
        "service_mb": of_services,
        "service_mb_most": max(of_services.values()),
        "process_mb_most": max(mb for name, mb in memory.items() if "-" in name),
    }


async def _idle(meter: Meter, seconds: float) -> dict[str, float]:
    """CPU of each part while nothing comes, milliseconds a second."""
    await asyncio.sleep(1.0)
    before, began = meter.read(), time.monotonic()
    await asyncio.sleep(seconds)
    lasted = time.monotonic() - began
    # CPU us in so many milliseconds are milliseconds a second.
    return per_event(meter.read().since(before), round(lasted * 1e3))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    console = Console()
    sizes = msgspec.structs.replace(
        FULL, events=asked.events, warm_events=asked.warm, known_people=asked.people
    )
    with servers() as place, door_only(place) as fleet:
        bench = Bench(place, fleet, sizes, console.print)
        Door(bench).open()
        asyncio.run(warm(bench))
        rounds = [asyncio.run(run(bench)) for _ in range(asked.rounds)]
    report = rounds[0] if asked.rounds == 1 else {"rounds": rounds}
    console.print_json(data=report)
    if asked.report:
        asked.report.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    main()
