"""The law, over the whole product: what was told over HTTP, in any order and however often, is what is counted.

Real processes, two workers and more of every service, edits, duplicates, corrections, merges, splits,
erasures, replays, killed workers; then every number is held against a recomputation in plain Python.
What happens when servers or topics go away is in tests/faults/test_law_by_force.py.
"""

import asyncio
from collections.abc import Collection

import httpx
import pytest
from harness import telling as told
from harness import world
from harness.system import System
from harness.telling import Telling

pytestmark = pytest.mark.slow

COUNTING = ("identity", "taxonomy", "scorecard")


async def tell(system: System, seed: int, size: int, *, people_first: bool = False) -> Telling:
    """A story, told in full, and as hard as promised."""
    telling = await told.begin(system, seed)
    await telling.story(size, people_first=people_first)
    await telling.hard_enough()
    return telling


@pytest.mark.parametrize(
    ("seed", "people_first"), [(1, False), (2, True)], ids=["1", "2, people before records"]
)
async def test_any_order_and_repetition_counts_what_was_told(
    system: System, seed: int, people_first: bool
) -> None:
    telling = await tell(system, seed, 400, people_first=people_first)
    await telling.check()


async def test_a_replay_changes_nothing(system: System) -> None:
    telling = await tell(system, 3, 240, people_first=True)
    await telling.check()
    await system.done("POST", "ingest", "/v1/replays", telling.tenant, {})
    await telling.replayed()
    await telling.check()


async def test_a_worker_killed_and_one_frozen_past_its_session(system: System) -> None:
    telling = await tell(system, 4, 240)
    sending = asyncio.create_task(telling.send(world.draw(40, 240, "x").items))
    pairs = [system.fleet.of(service, "worker")[:2] for service in COUNTING]
    for first, second in pairs:
        await asyncio.to_thread(first.kill)
        second.freeze()
    # Only when the session of the frozen one is over.
    await asyncio.gather(*(system.alone(first) for first, _ in pairs))
    for _, second in pairs:
        second.thaw()
    await sending
    await telling.check()


async def test_the_scorecard_emptied_and_rebuilt_from_the_archive(system: System) -> None:
    telling = await tell(system, 5, 240)
    await telling.check()
    before = await telling.counted()
    await system.done("POST", "scorecard", "/v1/rebuild", telling.tenant)
    assert (await telling.counted()).records == {}
    await telling.replayed()
    await telling.check()
    assert await telling.counted() == before


async def test_two_workers_share_the_work_and_drain_when_asked(system: System) -> None:
    """Partitions are shared out, so each does its part; SIGTERM ends a worker in order, and nothing is lost."""
    await ready(system)
    before = await handled(system)
    telling = await tell(system, 6, 240)
    await shared(system, before, COUNTING, 2)
    for service in system.services:
        worker = system.fleet.of(service, "worker")[1]
        assert await asyncio.to_thread(worker.stop) == 0
    await telling.check()
    for service in system.services:
        system.fleet.of(service, "worker")[1].start()


async def test_four_workers_of_each(system: System) -> None:
    for service in COUNTING:
        system.fleet.start(service, "worker", 2)
    await ready(system)
    before = await handled(system)
    telling = await tell(system, 7, 300)
    await shared(system, before, COUNTING, 4)
    await telling.check()


async def ready(system: System) -> None:
    """Every worker is there and has its partitions: one that has just come has none for a moment."""
    await asyncio.to_thread(system.fleet.wait_ready)
    await asyncio.gather(*(system.sharing(system.fleet.of(s, "worker")) for s in COUNTING))


async def shared(
    system: System, before: dict[str, float], services: Collection[str], workers: int
) -> None:
    """Each of the workers has done its part since then."""
    done = {name: count - before[name] for name, count in (await handled(system)).items()}
    for service in services:
        counts = [done[p.name] for p in system.fleet.of(service, "worker")]
        assert len(counts) == workers
        assert min(counts) > sum(counts) / workers / 3, f"{service}: {counts}"


async def handled(system: System) -> dict[str, float]:
    """Messages handled by each worker, by its own count."""
    found: dict[str, float] = {}
    async with httpx.AsyncClient() as client:
        for process in system.fleet.processes:
            if process.role == "worker":
                page = (await client.get(f"{process.url}/metrics")).text
                lines = [x for x in page.splitlines() if x.startswith("voc_events_total{")]
                found[process.name] = sum(float(x.split()[-1]) for x in lines)
    return found
