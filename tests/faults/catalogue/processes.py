"""Faults of processes: killed, frozen past their session or inside a transaction, added and removed."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from faults.catalogue.fault import Kind
from faults.scene import Scene
from harness.freezing import frozen_in_transaction, given_up
from harness.stand import SESSION_SECONDS
from harness.system import SERVICES
from harness.waiting import until

WRITERS = ("identity", "taxonomy", "scorecard")


@asynccontextmanager
async def worker_killed(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """SIGKILL; the fleet starts it again."""
    process = rng.choice(scene.stand.workers())
    await asyncio.to_thread(process.kill)
    yield process.name
    process.start()


@asynccontextmanager
async def api_killed(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """SIGKILL of the only api of a service."""
    process = rng.choice(scene.stand.apis())
    await asyncio.to_thread(process.kill)
    yield process.name
    process.start()


@asynccontextmanager
async def worker_frozen(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """SIGSTOP for longer than the session lasts, then SIGCONT: a zombie with partitions that are others'."""
    process = rng.choice(scene.stand.workers())
    process.freeze()
    try:
        yield process.name
    finally:
        process.thaw()


@asynccontextmanager
async def worker_frozen_in_transaction(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """SIGSTOP with a transaction open that has written, until Postgres gives it up, then SIGCONT."""
    process = rng.choice([p for p in scene.stand.workers() if p.service in WRITERS])
    try:
        backend = await frozen_in_transaction(
            scene.stand.system, process, scene.stand.database.ports_behind, 60
        )
        yield process.name
        await given_up(scene.stand.system, backend)
    finally:
        process.thaw()


@asynccontextmanager
async def worker_added(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """One more worker takes its share, and gives it back in order."""
    fleet = scene.stand.system.fleet
    (process,) = fleet.start(rng.choice(SERVICES), "worker")
    # Before that SIGTERM would end it as any program that has not yet begun.
    await until(lambda: not process.fault(), 120, f"{process.name} does not become ready")
    yield process.name
    code = await asyncio.to_thread(process.stop)
    fleet.processes.remove(process)
    if code:
        raise AssertionError(f"{process.name} ended with {code}: {process.tail()}")


@asynccontextmanager
async def worker_removed(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """SIGTERM: it drains and leaves, and another comes back for it."""
    process = rng.choice(scene.stand.workers())
    code = await asyncio.to_thread(process.stop)
    yield f"{process.name}, ended with {code}"
    process.start()


KINDS = (
    Kind("worker killed", worker_killed, (0.5, 3)),
    Kind("api killed", api_killed, (0.5, 3)),
    Kind("worker frozen past its session", worker_frozen, (SESSION_SECONDS + 2, 12)),
    Kind("worker frozen inside a transaction", worker_frozen_in_transaction, (0, 1), alone=True),
    Kind("worker added", worker_added, (3, 6), alone=True),
    Kind("worker removed", worker_removed, (1, 4)),
)
