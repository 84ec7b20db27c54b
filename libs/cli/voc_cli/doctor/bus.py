"""What an installation needs of Kafka: topics as declared, and groups whose positions are still in the log."""

import asyncio
from collections.abc import AsyncIterator

from voc_common.bus import BusError, Position, partition_counts, positions

from voc_cli import deployment, services
from voc_cli.doctor.finding import Finding, bad, good, note
from voc_cli.installation import Installation

_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries."""


async def bus(place: Installation) -> AsyncIterator[Finding]:
    """Examine Kafka; one finding says so if it cannot be reached."""
    try:
        there = await partition_counts(place.kafka, place.namespace)
        yield good("Kafka answers")
        for finding in topics(there, deployment.read_topics(deployment.topics_file())):
            yield finding
    except BusError as error:
        yield bad(
            f"Kafka cannot be reached: {error}",
            "check KAFKA_BOOTSTRAP_SERVERS, or unset it to use voc's own",
        )
        return
    except deployment.TopicsFileError as error:
        yield bad(str(error), "set VOC_TOPICS_FILE")
    for service in services.SERVICES:
        if "worker" in services.roles(service):
            yield await group(place, service)


def topics(there: dict[str, int], wanted: dict[str, deployment.Topic]) -> list[Finding]:
    """Compare the topics that are there with those that are declared."""
    found: list[Finding] = []
    missing = [name for name in wanted if name not in there]
    if missing:
        found.append(
            bad(f"{len(missing)} topics are missing: {', '.join(missing)}", "voc topics apply")
        )
    small = [
        f"{n} has {there[n]} of {t.partitions}"
        for n, t in wanted.items()
        if 0 < there.get(n, 0) < t.partitions
    ]
    if small:
        found.append(bad(f"too few partitions: {', '.join(small)}", "voc topics apply"))
    records = {
        n: there[n] for n in wanted if n in there and n.startswith(("voc.feedback", "voc.activity"))
    }
    if not small and len(set(records.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in records.items())
        todo = (
            "raise `partitions` of all in deploy/topics.yaml to the largest, then voc topics apply"
        )
        found.append(bad(f"voc.feedback* and voc.activity* differ in partitions: {said}", todo))
    return found or [good(f"{len(wanted)} topics are as declared")]


async def group(place: Installation, service: str) -> Finding:
    """A service's consumer group: how far behind, and whether its positions are lost."""
    try:
        found = await _positions(place, service)
    except BusError as error:
        todo = "Kafka answers, but not of its groups: try again in a minute, else see its log"
        return bad(f"the group of {service} cannot be read: {error}", todo)
    lost = [p for p in found if p.lost]
    if lost:
        where = ", ".join(
            f"{p.topic}/{p.partition} at {p.committed}, log {p.start} to {p.end}" for p in lost[:5]
        )
        todo = f"stop its workers, voc topics rewind {service}, then a replay by POST /v1/replays of ingest"
        return bad(f"{service} has lost its position in {len(lost)} partitions: {where}", todo)
    lag = sum(p.lag for p in found)
    if lag and all(p.committed < 0 for p in found):
        todo = f"`voc up`, or voc run {service} --worker, if none is starting"
        return note(f"{service} has read nothing yet, {lag} messages wait", todo)
    return good(f"{service} is {lag} messages behind")


async def _positions(place: Installation, service: str) -> list[Position]:
    topics = services.topics(service)
    for wait in _WAITS:
        try:
            return await positions(place.kafka, place.namespace, service, topics)
        except BusError as error:
            # A fresh broker makes its coordinator when it is first asked for one.
            if "GroupCoordinatorNotAvailable" not in str(error):
                raise
            await asyncio.sleep(wait)
    return await positions(place.kafka, place.namespace, service, topics)
