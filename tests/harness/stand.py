"""The whole product on servers of its own, with a proxy before each and a small disk under Postgres."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from voc_cli.deployment import topics_file
from voc_cli.fleet import NEEDS_PEOPLE, Process
from voc_local import home
from voc_local.kafka import Kafka
from voc_local.postgres import Postgres

from harness.disk import Disk
from harness.proxy import Proxy
from harness.system import System

PATIENCE = 180.0
SESSION_SECONDS = 6.0


@dataclass
class Stand:
    """Servers, what stands before them, and the processes behind.

    The processes reach both servers through the proxies; the tests' own questions go around them.
    """

    folder: Path
    disk: Disk
    postgres: Postgres
    kafka: Kafka
    database: Proxy
    broker: Proxy
    system: System
    partitions: int = 8
    said: list[str] = field(default_factory=list[str])
    """What ended unasked, and what was started again."""

    def workers(self) -> list[Process]:
        """All workers that should run."""
        return [p for p in self.system.fleet.processes if p.role == "worker" and p.wanted]

    def apis(self) -> list[Process]:
        """All apis."""
        return [p for p in self.system.fleet.processes if p.role == "api"]

    async def tend(self) -> None:
        """Start again what has ended, as `voc up` does, until cancelled."""
        while True:
            self.said += self.system.fleet.tend()
            await asyncio.sleep(0.2)

    def lost(self) -> list[str]:
        """Workers that ended for good, and why: somebody must look."""
        return [
            f"{p.name}: {p.tail()}"
            for p in self.system.fleet.processes
            if p.given_up or (p.exit_code == NEEDS_PEOPLE and not p.running())
        ]

    def declare(self, partitions: int) -> None:
        """Declare so many partitions of the topics that grow together, for the next `voc topics apply`."""
        file = self.folder / "topics.yaml"
        declared = topics_file().read_text()
        file.write_text(declared.replace("partitions: 8", f"partitions: {partitions}"))
        self.partitions = partitions
        self.system.operator["VOC_TOPICS_FILE"] = str(file)

    async def postgres_up(self) -> None:
        """Start Postgres unless it runs, and wait until it has recovered."""
        async with asyncio.timeout(90):
            while True:
                await asyncio.to_thread(self.postgres.start)
                try:
                    await self.system.run("select 1")
                except Exception:
                    await asyncio.sleep(0.2)
                else:
                    return


def own_folder() -> Path:
    """A fresh folder."""
    folder = Path(tempfile.mkdtemp(prefix="voc-faults-"))
    # For Postgres, which runs as somebody else when we are root.
    folder.chmod(0o711)
    return folder


@contextlib.asynccontextmanager
async def standing(workers: int = 2, **environment: str) -> AsyncGenerator[Stand]:
    """Start everything, wait until it is ready, and stop it in the end."""
    folder = own_folder()
    disk = Disk(folder / "postgres")
    database, broker = Proxy(), Proxy()
    postgres = Postgres(folder / "postgres")
    kafka = Kafka(folder / "kafka", proxy_port=broker.port)
    async with contextlib.AsyncExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        ending.callback(home.erase, folder)
        ending.callback(disk.close)
        for server in (kafka, postgres):
            await asyncio.to_thread(server.start)
            ending.callback(server.stop)
        database.aim, broker.aim = urlsplit(postgres.url()).port or 0, kafka.proxied_port
        for proxy in (database, broker):
            ending.enter_context(proxy)
        system = System(
            postgres.url(),
            kafka.bootstrap,
            folder,
            patience=PATIENCE,
            DATABASE_URL=postgres.url().replace(f":{database.aim}/", f":{database.port}/"),
            KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{broker.port}",
            VOC_TICK_SECONDS="2",
            VOC_STUCK_SECONDS="10",
            VOC_SESSION_TIMEOUT_MS=str(int(SESSION_SECONDS * 1000)),
            **environment,
        )
        # A process that is frozen would not be stopped otherwise.
        ending.push_async_callback(system.stop)
        await system.start(workers=workers)
        stand = Stand(folder, disk, postgres, kafka, database, broker, system)
        tending = asyncio.create_task(stand.tend())
        try:
            yield stand
        finally:
            tending.cancel()
            for proxy in (database, broker):
                proxy.heal()
