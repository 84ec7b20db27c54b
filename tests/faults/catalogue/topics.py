"""Faults of topics: deleted and made again, with the documented way back; more partitions."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from faults.catalogue.fault import Kind
from faults.scene import Scene
from harness.system import SERVICES
from harness.waiting import until, until_none
from voc_cli import services
from voc_cli.fleet import NEEDS_PEOPLE
from voc_common import bus

RECORDS = (
    "voc.feedback",
    "voc.feedback.identified",
    "voc.feedback.classified",
    "voc.activity",
    "voc.activity.identified",
)
MOST_PARTITIONS = 16


@asynccontextmanager
async def topic_deleted(scene: Scene, rng: random.Random) -> AsyncGenerator[str]:
    """A topic of records is deleted; then made again, its readers rewound, the archive told again."""
    system = scene.stand.system
    topic = rng.choice(RECORDS)
    readers = [s for s in SERVICES if topic in services.topics(s)]
    # What nobody has read dies with the topic, poison too; and who has read nothing cannot tell.
    async with scene.no_poison():
        await scene.poison.all_buried()
        for service in readers:
            await committed(scene, service, topic)
        await bus.delete_topics(system.kafka, [system.namespace + topic])
        workers = [p for s in readers for p in system.fleet.of(s, "worker") if p.wanted]
        for process in workers:
            await until(
                lambda p=process: f"{topic} not there" in p.fault(),
                60,
                f"{process.name} does not say that {topic} is away",
            )
        yield topic
        await system.voc("topics", "apply")
        for service in readers:
            await until(
                lambda s=service: any(
                    p.exit_code == NEEDS_PEOPLE for p in system.fleet.of(s, "worker")
                ),
                60,
                f"{service} reads {topic} on as if nothing had been",
            )
        # A worker that had read nothing of it yet cannot know.
        await asyncio.gather(*(asyncio.to_thread(p.stop) for p in workers))
        for service in readers:
            await system.voc("topics", "rewind", service)
        for process in workers:
            process.start()
        await asyncio.gather(*(system.replay(t) for t in scene.tenants()))


async def committed(scene: Scene, service: str, topic: str) -> None:
    """Wait until every worker of a service has read from a topic: only then can it know it again."""
    system = scene.stand.system

    async def missing() -> str:
        found = await bus.positions(system.kafka, system.namespace, service, [topic])
        behind = [p for p in found if p.committed < 0 and p.end]
        return f"{service} has not read {len(behind)} partitions of {topic}" if behind else ""

    await until_none(missing, 60)


@asynccontextmanager
async def more_partitions(scene: Scene, _rng: random.Random) -> AsyncGenerator[str]:
    """All topics of records and people grow together, while everything runs."""
    stand, system = scene.stand, scene.stand.system
    if stand.partitions < MOST_PARTITIONS:
        stand.declare(stand.partitions + 2)
        await system.voc("topics", "apply")
    yield f"{stand.partitions} partitions"

    async def missing() -> str:
        counts = await bus.partition_counts(system.kafka, system.namespace)
        short = [t for t in RECORDS if counts[t] < stand.partitions]
        return f"{short} have too few partitions" if short else ""

    await until_none(missing)


KINDS = (
    Kind("topic deleted and made again", topic_deleted, (0.5, 3), alone=True),
    Kind("more partitions", more_partitions, (0.5, 2), alone=True),
)
