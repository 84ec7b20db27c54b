"""Faults of those who send: clocks that jump by days and back, and a burst of poison on the topics."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from faults.catalogue.fault import Kind
from faults.scene import Scene


@asynccontextmanager
async def clock_jumps(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """Created and updated days ago, or days ahead; then right again."""
    days = rng.choice((-20, -3, -1, 1, 2, 9))
    scene.load.skew = timedelta(days=days, seconds=rng.randrange(86_400))
    try:
        yield f"{scene.load.skew.total_seconds() / 86_400:+.1f} days"
    finally:
        scene.load.skew = timedelta()


@asynccontextmanager
async def poison_burst(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """Beside the steady share of poison, much of it at once."""
    count = rng.randrange(5, 25)
    await scene.poison.inject(count)
    yield f"{count} messages"


KINDS = (
    Kind("senders' clocks jump", clock_jumps, (3, 6)),
    Kind("burst of poison", poison_burst, (0, 1)),
)
