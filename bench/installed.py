"""An installation to measure: servers and services in a folder that is gone afterwards, and a tenant's way in."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from load import SOURCE, Load
from posting import Connection, closed_loop
from reader import reader
from rich.console import Console
from sizes import Sizes
from voc_cli import api, up
from voc_cli.fleet import Fleet
from voc_cli.services import SERVICES
from voc_local.ground import Ground, ground

TENANT = "bench"
BATCH = 500
SENDERS = 4
NO_LIMIT = 1e9
"""Records a second that the tenant may send: the limit of the door is not what is measured."""
_BLOCKS = 3
"""The coarsest grain of the scorecard's counters: one row a shard, so that asking costs nothing."""
_COUNTED = (
    "select coalesce(sum(records), 0) from scorecard.volume "
    f"where tenant = $1 and cell = $2 and grain = {_BLOCKS}"
)


@contextmanager
def servers() -> Generator[Ground]:
    """Postgres and Kafka of voc's own, in a folder that is gone afterwards; services started meanwhile use them."""
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        os.environ["VOC_HOME"] = folder
        with ground(Path(folder)) as found:
            yield found


@contextmanager
def door_only(place: Ground) -> Generator[Fleet]:
    """Ingest's api and worker, ready, on schemas and topics of all; the rest can be started later."""
    named = {"DATABASE_URL": place.database_url, "KAFKA_BOOTSTRAP_SERVERS": place.kafka}
    os.environ.update(named)
    try:
        with up.stoppable(), up.running(Console(quiet=True), ("ingest",)) as (_, fleet):
            yield fleet
    finally:
        for name in named:
            del os.environ[name]


def start_others(fleet: Fleet) -> None:
    """Start an api and a worker of every other service, and wait until all are ready."""
    for service in SERVICES:
        if service != "ingest":
            fleet.start(service, "worker")
            fleet.start(service, "api")
    fleet.wait_ready()


@dataclass
class Bench:
    """What a part of the benchmarks works with; `found` are the reports of the parts before it."""

    place: Ground
    fleet: Fleet
    sizes: Sizes
    tell: Callable[[str], None]
    load: Load = field(init=False)
    found: dict[str, Any] = field(default_factory=dict[str, Any])
    accepted: int = 0
    """Records that the door has taken so far, of all parts: as many must be counted."""

    def __post_init__(self) -> None:
        people = self.sizes.known_people
        self.load = Load(seed=7, people=people, untold=people)


class Door:
    """A tenant's way in, and its count on the scorecard."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.urls = {p.service: p.url for p in bench.fleet.processes if p.role == "api"}
        self.token = api.token(TENANT, *api.all_scopes(TENANT), minutes=600)

    def open(self) -> None:
        """Make the tenant and its source, without a limit of its rate."""
        url = self.urls["ingest"]
        settings = {"zone": "Europe/Berlin", "settings": {"rate": NO_LIMIT}}
        api.call("PUT", f"{url}/v1/tenants/{TENANT}", api.operator_token(), settings)
        api.call("PUT", f"{url}/v1/sources/{SOURCE}", self.token, {})

    def connections(self, count: int, path: str = "/v1/feedback/batch") -> list[Connection]:
        """So many connections, each for one request at a time."""
        return [Connection(self.urls["ingest"], path, self.token) for _ in range(count)]

    async def send(self, batches: Sequence[bytes], events: int) -> int:
        """Send batches as fast as the door takes them; returns how often it asked to wait."""
        waits = await closed_loop(self.connections(SENDERS), batches)
        self._bench.accepted += events
        return waits

    async def until_counted(
        self, cell: str = "all", records: int | None = None, seconds: float = 7200.0
    ) -> None:
        """Wait until a cell counts so many (all that was accepted), looked at ten times a second."""
        deadline = time.monotonic() + seconds
        async with reader(self._bench.place.database_url) as connection:
            while True:
                wanted = self._bench.accepted if records is None else records
                found = int(await connection.value(_COUNTED, TENANT, cell))
                if found >= wanted:
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{found} of {wanted} counted in {cell}")
                await asyncio.sleep(0.1)

    async def published(self) -> None:
        """Wait until all that was accepted is on the bus."""
        async with reader(self._bench.place.database_url) as connection:
            while await connection.value("select exists (select from ingest.pending)"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def shown(self) -> int:
        """Records on the scorecard as its API has them."""
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
            url = f"{self.urls['scorecard']}/v1/scorecard"
            answer = await http.get(url, params={"window": "90d"})
            answer.raise_for_status()
            return answer.json()["whole"]["volume"]["records"]


def per_service(us: Mapping[str, float]) -> dict[str, float]:
    """Figures of processes, which are named service-role-number, summed by service."""
    found: dict[str, float] = {}
    for name, each in us.items():
        service, dash, _ = name.partition("-")
        if dash:
            found[service] = round(found.get(service, 0.0) + each, 1)
    return found
