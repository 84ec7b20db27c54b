"""Faults of the two servers: killed, shut down at once, out of disk."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from faults.catalogue.fault import Impossible, Kind
from faults.scene import Scene
from harness.stand import Stand
from harness.system import POSTGRES_AWAY
from voc_local.lifeline import wait_for_end


@asynccontextmanager
async def broker_killed(scene: Scene, _rng: random.Random) -> AsyncGenerator[str]:
    """SIGKILL of Apache Kafka."""
    await asyncio.to_thread(scene.stand.kafka.kill)
    try:
        yield "Kafka"
    finally:
        await asyncio.to_thread(scene.stand.kafka.start)


@asynccontextmanager
async def postgres_killed(scene: Scene, _rng: random.Random) -> AsyncGenerator[str]:
    """SIGKILL of Postgres' first process; it recovers from its log."""
    await asyncio.to_thread(scene.stand.postgres.kill)
    try:
        yield "Postgres"
    finally:
        await scene.stand.postgres_up()


@asynccontextmanager
async def postgres_shut_down_at_once(scene: Scene, _rng: random.Random) -> AsyncGenerator[str]:
    """The immediate shutdown: every backend ends where it stands, without a checkpoint."""
    pid = scene.stand.postgres.pid
    os.kill(pid, signal.SIGQUIT)
    await asyncio.to_thread(wait_for_end, pid, 30)
    try:
        yield "Postgres"
    finally:
        await scene.stand.postgres_up()


@asynccontextmanager
async def disk_full(scene: Scene, _rng: random.Random) -> AsyncGenerator[str]:
    """Not a block is left under Postgres."""
    async with full_disk(scene.stand) as said:
        yield said


@asynccontextmanager
async def full_disk(stand: Stand) -> AsyncGenerator[str]:
    """Fill the disk under Postgres until that has noticed; gives what it said. Raises `Impossible`."""
    if stand.disk.why:
        raise Impossible(stand.disk.why)
    stand.disk.fill()
    try:
        yield await noticed(stand.system.database_url)
    finally:
        stand.disk.free()
        await stand.postgres_up()
        await stand.system.run("drop table if exists public.ballast")


async def noticed(url: str) -> str:
    """Write until Postgres says that its disk is full; says how it said so."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except POSTGRES_AWAY as error:
        return f"Postgres is gone: {type(error).__name__}"
    try:
        async with asyncio.timeout(60):
            await connection.execute("create table if not exists public.ballast (what text)")
            while True:
                await connection.execute(
                    "insert into public.ballast select repeat(md5(n::text), 200) "
                    "from generate_series(1, 1000) n"
                )
    except POSTGRES_AWAY as error:
        return f"{type(error).__name__}: {error}"[:100]
    finally:
        connection.terminate()


KINDS = (
    Kind("broker killed", broker_killed, (0.5, 6)),
    Kind("Postgres killed", postgres_killed, (0.5, 4)),
    Kind("Postgres shut down at once", postgres_shut_down_at_once, (0.5, 4)),
    Kind("disk full under Postgres", disk_full, (3, 6), alone=True),
)
