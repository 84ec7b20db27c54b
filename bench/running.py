"""What the peers of the whole path share: a Kafka and a Postgres of their own, processes, and their CPU per event."""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import msgspec
import psutil
from meter import per_event, tree_seconds
from voc_local.ground import Ground, ground

Run = Callable[[Ground, int, int], Coroutine[Any, Any, dict[str, Any]]]


def main(doc: str, run: Run, *, events: int, warm: int) -> None:
    """Read the options, run with both servers in a folder that is gone afterwards, print the report."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=events)
    parser.add_argument("--warm", type=int, default=warm)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder:
        Path(folder).chmod(0o711)
        with ground(Path(folder)) as servers:
            report = asyncio.run(run(servers, asked.events, asked.warm))
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    if asked.report:
        asked.report.write_bytes(msgspec.json.encode(report))


def spawned(
    target: Callable[..., None], names: Mapping[str, Any], servers: Ground
) -> dict[str, SpawnProcess]:
    """A process for each name, its target given what the name stands for and both addresses."""
    spawn = multiprocessing.get_context("spawn")
    found = {
        name: spawn.Process(
            target=target, args=(what, servers.kafka, servers.database_url), daemon=True
        )
        for name, what in names.items()
    }
    for process in found.values():
        process.start()
    return found


async def measured(
    servers: Ground,
    workers: Mapping[str, SpawnProcess],
    events: int,
    work: Callable[[], Awaitable[None]],
) -> dict[str, Any]:
    """Do some work on so many events; events per second and CPU us per event of every process tree."""
    assert servers.postgres_server is not None
    assert servers.kafka_server is not None
    pids = {name: worker.pid or 0 for name, worker in workers.items()}
    pids |= {"postgres": servers.postgres_server.pid, "kafka": servers.kafka_server.pid}
    tops = {name: psutil.Process(pid) for name, pid in pids.items()}
    before = {name: tree_seconds(top) for name, top in tops.items()}
    began = time.monotonic()
    await work()
    seconds = time.monotonic() - began
    spent = {name: tree_seconds(top) - before[name] for name, top in tops.items()}
    return {
        "events": events,
        "events_per_second": round(events / seconds, 1),
        "us_per_event": per_event(spent, events),
    }
