"""The law by force: the broker killed, workers frozen inside a transaction, topics deleted, all under load."""

import asyncio

import pytest
from faults.conftest import Own
from harness import world
from harness.freezing import frozen_in_transaction, given_up
from harness.system import System
from harness.telling import Telling, begin
from harness.waiting import until
from voc_cli.fleet import NEEDS_PEOPLE, Process
from voc_common import bus

pytestmark = pytest.mark.slow

COUNTING = ("identity", "taxonomy", "scorecard")


async def counted(telling: Telling, wanted: int) -> None:
    """Wait until the scorecard knows so many records more than now."""
    goal = wanted
    async with asyncio.timeout(150):
        while True:
            [row] = await telling.system.rows(
                "select count(*) as n from scorecard.record where tenant = $1 and rev_version <> ''",
                telling.tenant,
            )
            goal = row["n"] + wanted if goal == wanted else goal
            if row["n"] >= goal:
                return
            await asyncio.sleep(0.02)


async def test_the_broker_killed_under_load(own: Own, whole: System) -> None:
    telling, enough = await begin(whole, 11), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(telling.stories_until(enough, 200))
        for seed in (111, 112):
            await counted(telling, 30)
            await asyncio.to_thread(own.kafka.kill)
            try:
                await telling.send(world.draw(seed, 12, f"away{seed}-").items)
                [row] = await whole.rows("select count(*) as n from ingest.pending")
                assert row["n"], "taken at the door, though it cannot be published"
            finally:
                await asyncio.to_thread(own.kafka.start)
        await counted(telling, 1)
        enough.set()
    await telling.hard_enough()
    await telling.check()


async def test_workers_frozen_inside_a_transaction(whole: System) -> None:
    pairs = [whole.fleet.of(service, "worker")[:2] for service in COUNTING]
    try:
        await freeze_and_wake(whole, pairs)
    finally:
        for one, _ in pairs:
            one.thaw()


async def freeze_and_wake(whole: System, pairs: list[list[Process]]) -> None:
    """One of each pair is frozen inside a transaction, outlived by the other, and woken."""
    telling, enough = await begin(whole, 12), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(telling.stories_until(enough, 200))
        backends = await asyncio.gather(*(frozen_in_transaction(whole, one) for one, _ in pairs))
        await asyncio.gather(*(given_up(whole, backend) for backend in backends))
        await asyncio.gather(*(whole.alone(other) for _, other in pairs))
        enough.set()
    # The others have handled all of it, also what the frozen ones had begun.
    await telling.check()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(telling.story(120))
        for one, _ in pairs:
            one.thaw()
    await telling.hard_enough()
    await telling.check()
    for one, _ in pairs:
        await until(lambda p=one: not p.fault())
        assert one.starts == 1, "woken, not started anew"


async def test_topics_deleted_and_made_anew_under_live_consumers(whole: System) -> None:
    """Deleted, the workers say what is missing; made anew, they stop; the documented way leads back."""
    telling = await begin(whole, 13)
    readers = {"identity": "voc.feedback", "scorecard": "voc.feedback.classified"}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(telling.story(300))
        await counted(telling, 60)
        await bus.delete_topics(whole.kafka, [whole.namespace + t for t in readers.values()])
        for service, topic in readers.items():
            for process in whole.fleet.of(service, "worker"):
                await until(lambda p=process, t=topic: f"{t} not there" in p.fault())
        await whole.voc("topics", "apply")
        for service in readers:
            for process in whole.fleet.of(service, "worker"):
                await until(lambda p=process: not p.running())
                assert process.exit_code == NEEDS_PEOPLE
            await whole.voc("topics", "rewind", service)
            for process in whole.fleet.of(service, "worker"):
                process.start()
        await telling.replayed()
    await telling.hard_enough()
    await telling.check()
