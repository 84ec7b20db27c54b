"""Faults of the network before each of the two servers: cut, refused, slow, half-open."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from faults.catalogue.fault import Kind
from faults.scene import Scene
from harness.proxy import WAYS, Proxy

Place = Callable[[Scene], Proxy]


def before_broker(scene: Scene) -> Proxy:
    """The network before Kafka."""
    return scene.stand.broker


def before_database(scene: Scene) -> Proxy:
    """The network before Postgres."""
    return scene.stand.database


def _at(
    place: Place, act: Callable[[Proxy, random.Random], str]
) -> Callable[[Scene, random.Random], AbstractAsyncContextManager[str]]:
    @asynccontextmanager
    async def happening(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
        proxy = place(scene)
        try:
            yield act(proxy, rng)
        finally:
            proxy.heal()

    return happening


def cut(proxy: Proxy, _rng: random.Random) -> str:
    """RST on every connection."""
    return f"{proxy.cut()} connections"


def refused(proxy: Proxy, _rng: random.Random) -> str:
    """RST on every connection, and new ones are refused."""
    proxy.refuse()
    return "connections refused"


def slow(proxy: Proxy, rng: random.Random) -> str:
    """Late, and narrow."""
    latency, rate = rng.uniform(0.02, 0.2), rng.uniform(200_000, 2_000_000)
    proxy.slow(latency, rate)
    return f"{1000 * latency:.0f} ms, {rate / 1000:.0f} kB/s"


def swallowed(proxy: Proxy, _rng: random.Random) -> str:
    """Half-open: everything is taken and lost, no connection ends."""
    proxy.swallow()
    return f"{proxy.connections()} connections"


def muted(proxy: Proxy, rng: random.Random) -> str:
    """Half-open: one direction stands still, or both, and goes on later."""
    ways = rng.choice((WAYS[:1], WAYS[1:], WAYS))
    proxy.mute(ways)
    return " and ".join(ways)


KINDS = tuple(
    Kind(f"{name}: {what}", _at(place, act), hold)
    for name, place in (("broker", before_broker), ("database", before_database))
    for what, act, hold in (
        ("connections cut", cut, (0.0, 0.5)),
        ("connections refused", refused, (1.0, 6.0)),
        ("slow", slow, (4.0, 8.0)),
        ("half-open, lost", swallowed, (3.0, 12.0)),
        ("half-open, stopped", muted, (3.0, 12.0)),
    )
)
