"""Freezing a worker inside a transaction that has written, and the moment at which Postgres gives it up."""

import asyncio
from collections.abc import Callable, Collection, Sequence

import asyncpg
import psutil
from voc_cli.fleet import Process

from harness.system import System
from harness.waiting import until

GATE = """
create or replace function public.{service}_gate() returns trigger language plpgsql as
$$begin perform pg_advisory_xact_lock_shared(inet_client_port(), tg_relid::int); return null; end$$;
create or replace trigger gate after insert or update on {service}.record
for each statement execute function public.{service}_gate();
"""
"""A client whose gate is closed waits in the statement that has written records. It stays: dropping it would wait
for the frozen transaction, and all others for that."""
CLOSE = "select pg_advisory_lock(port, $2::regclass::oid::int) from unnest($1::int[]) port"
OPEN = "select pg_advisory_unlock_all()"
BACKENDS = "select pid, state from pg_stat_activity where client_port = any($1) and backend_xid is not null"
WAITING = f"{BACKENDS} and wait_event = 'advisory'"
"""Backends of some client ports that have written and wait at the gate."""
SHOWN = (
    "select state, wait_event, backend_xid is not null as wrote, now() - state_change as since, left(query, 80) as query "
    "from pg_stat_activity where client_port = any($1)"
)


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
    ports: set[int] = set()
    server = await asyncpg.connect(system.database_url)
    try:
        await server.execute(GATE.format(service=process.service))
        async with asyncio.timeout(seconds):
            while True:
                ports.clear()
                while not await server.fetch(WAITING, ports):
                    await asyncio.sleep(0.01)
                    found = set(seen([c.laddr.port for c in frozen.net_connections("tcp4")]))
                    await server.execute(CLOSE, found - ports, records)
                    ports |= found
                process.freeze()
                await until(lambda: frozen.status() == psutil.STATUS_STOPPED)
                await server.execute(OPEN)
                for backend in await _gone_through(server, ports):
                    return backend
                # It had waited so long at the gate that Postgres ended its statement.
                process.thaw()
    except TimeoutError as error:
        backends = [dict(b) for b in await server.fetch(SHOWN, ports)]
        raise AssertionError(f"{process.name} is not to be frozen: {backends}") from error
    finally:
        await server.close()


async def _gone_through(server: asyncpg.Connection, ports: Collection[int]) -> list[int]:
    """Those that are idle in their transactions, as soon as none is at work any more."""
    while True:
        found = await server.fetch(BACKENDS, ports)
        if not any(backend["state"] == "active" for backend in found):
            return [
                backend["pid"] for backend in found if backend["state"] == "idle in transaction"
            ]
        await asyncio.sleep(0.01)


async def given_up(system: System, backend: int) -> None:
    """Wait until Postgres has ended a backend: that of a frozen client ends only by its idle transaction."""
    async with asyncio.timeout(20):
        while True:
            if not await system.rows("select from pg_stat_activity where pid = $1", backend):
                return
            await asyncio.sleep(0.1)
