"""Freezing a worker inside a transaction that has written, and the moment at which Postgres gives it up."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import psutil
from voc_cli.fleet import Process

from harness.system import System
from harness.waiting import until

WRITING = (
    "select a.pid, a.state, a.wait_event, clock_timestamp() - a.state_change > interval '300 ms' as calm from pg_stat_activity a where a.client_port = any($1) "
    "and a.backend_xid is not null and a.state in ('active', 'idle in transaction') and exists ("
    "select from pg_locks l where l.pid = a.pid and l.mode = 'RowExclusiveLock' and l.relation = to_regclass($2))"
)
"""Backends of some client ports in a transaction that has written to a table."""


async def frozen_in_transaction(
    system: System,
    process: Process,
    seen: Callable[[Sequence[int]], Sequence[int]] = lambda ports: ports,
    seconds: float = 150,
) -> int:
    """Freeze a worker while it has written records and not committed; returns the pid of its backend.

    `seen` maps the worker's own ports to those that Postgres sees, where a proxy stands between.
    """
    records = f"{process.service}.record"
    frozen = psutil.Process(process.pid)
    server = await asyncpg.connect(system.database_url)
    try:
        async with asyncio.timeout(seconds):
            while True:
                ports = list(seen([c.laddr.port for c in frozen.net_connections("tcp4")]))
                if await server.fetch(WRITING, ports, records):
                    process.freeze()
                    await until(lambda: frozen.status() == psutil.STATUS_STOPPED)
                    found = await server.fetchrow(WRITING, ports, records)
                    # What it had sent before may still be on its way, through a proxy for some time.
                    while found and _goes_on(found):
                        await asyncio.sleep(0.01)
                        found = await server.fetchrow(WRITING, ports, records)
                    if found and found["state"] == "idle in transaction":
                        return found["pid"]
                    # It was faster with its commit, or is between the messages of one statement.
                    process.thaw()
                await asyncio.sleep(0.002)
    finally:
        await server.close()


def _goes_on(backend: Mapping[str, Any]) -> bool:
    if backend["state"] == "active":
        return backend["wait_event"] != "ClientRead"
    return not backend["calm"]


async def given_up(system: System, backend: int) -> None:
    """Wait until Postgres has ended a backend: that of a frozen client ends only by its idle transaction."""
    async with asyncio.timeout(20):
        while True:
            if not await system.rows("select from pg_stat_activity where pid = $1", backend):
                return
            await asyncio.sleep(0.1)
