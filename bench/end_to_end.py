"""The whole path at full speed: pre-generated batches by HTTP into ingest until all are counted.

    python bench/end_to_end.py --events 100000 [--report FILE]

Starts Postgres, Kafka and every service (an api and a worker each) in a folder of its own, warms them up, sends
batches of 500 as fast as the door takes them, and reads the CPU time of every process tree.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console
from voc_cli import api, up
from voc_cli.fleet import Fleet
from voc_local.ground import Ground, ground

sys.path.insert(0, str(Path(__file__).parent))

from load import SOURCE, Load
from meter import Meter

BATCH = 500
SENDERS = 4


@contextmanager
def installation(console: Console, workers: int = 1) -> Iterator[tuple[Ground, Fleet]]:
    """Everything, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        os.environ["VOC_HOME"] = folder
        with ground(Path(folder)) as servers:
            os.environ["DATABASE_URL"] = servers.database_url
            os.environ["KAFKA_BOOTSTRAP_SERVERS"] = servers.kafka
            with up.stoppable(), up.running(console, workers=workers) as (_, fleet):
                yield servers, fleet


class Door:
    """A tenant's way in, and its count."""

    def __init__(self, fleet: Fleet, tenant: str) -> None:
        self.urls = {p.service: p.url for p in fleet.processes if p.role == "api"}
        api.ensure_tenant(tenant, "Europe/Berlin", self.urls["ingest"])
        token = api.token(tenant, *api.all_scopes(tenant), minutes=600)
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.http = httpx.AsyncClient(headers=self.headers, timeout=60, trust_env=False)

    async def open(self) -> None:
        """Register the source."""
        url = f"{self.urls['ingest']}/v1/sources/{SOURCE}"
        (await self.http.put(url, content=b"{}")).raise_for_status()

    async def send(self, batches: list[bytes]) -> int:
        """Send all as fast as the door takes them; returns how often it asked to wait."""
        queue = iter(batches)
        waits = 0

        async def work() -> None:
            nonlocal waits
            for batch in queue:
                while True:
                    answer = await self.http.post(
                        f"{self.urls['ingest']}/v1/feedback/batch", content=batch
                    )
                    if answer.status_code not in (429, 503):
                        break
                    waits += 1
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                answer.raise_for_status()

        await asyncio.gather(*(work() for _ in range(SENDERS)))
        return waits

    async def counted(self) -> int:
        """Records on the scorecard."""
        answer = await self.http.get(
            f"{self.urls['scorecard']}/v1/scorecard", params={"window": "90d"}
        )
        answer.raise_for_status()
        return answer.json()["whole"]["volume"]["records"]

    async def until(self, records: int) -> None:
        """Wait until so many are counted."""
        deadline = time.monotonic() + 900
        while await self.counted() < records:
            assert time.monotonic() < deadline, f"{await self.counted()} of {records} counted"
            await asyncio.sleep(0.1)


async def run(servers: Ground, fleet: Fleet, events: int, warm: int) -> dict[str, Any]:
    meter = Meter(servers, fleet)
    door = Door(fleet, "bench")
    await door.open()
    load = Load(seed=7)
    await door.send(list(load.batches(warm, BATCH)))
    await door.until(warm)
    batches = list(load.batches(events, BATCH))
    inside = await meter.backends()
    before, began, own = meter.read(), time.monotonic(), time.process_time()
    waits = await door.send(batches)
    accepted = time.monotonic() - began
    await door.until(warm + events)
    seconds = time.monotonic() - began
    spent = meter.read().since(before)
    backends = (await meter.backends()).since(inside)
    await door.http.aclose()
    us = {part: round(s / events * 1e6, 1) for part, s in spent.items()}
    return {
        "events": events,
        "bytes_per_event": round(sum(map(len, batches)) / events),
        "events_per_second": round(events / seconds),
        "accepted_per_second": round(events / accepted),
        "asked_to_wait": waits,
        "us_per_event": us | {"all": round(sum(us.values()), 1)},
        "postgres_us_per_event": {
            name: round(s / events * 1e6, 1) for name, s in backends.items() if s / events > 1e-7
        },
        "load_us_per_event": round((time.process_time() - own) / events * 1e6, 1),
        "memory_mb": meter.memory(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    console = Console()
    with installation(console) as (servers, fleet):
        report = asyncio.run(run(servers, fleet, asked.events, asked.warm))
    console.print_json(data=report)
    if asked.report:
        asked.report.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    main()
