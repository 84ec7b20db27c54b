"""The raw limit: the same bytes over as many topics, one COPY a stage, and no logic at all.

    python bench/raw_limit.py --events 100000 [--report FILE]

Four stages as processes of their own (the door, identity, taxonomy and scorecard): each reads micro-batches of up to
1,000, copies them into a table in one transaction, passes on as many bytes as voc's next event has, with its key and
headers, and commits its position. What comes to the door comes over a topic of its own. Nobody can be faster with
one Kafka and one Postgres on the same cores; what voc takes beyond it is its logic.
"""

import asyncio
from typing import Any

import msgspec
from load import Load
from reader import connect
from running import main, measured, spawned
from voc_common import bus, versions, wire
from voc_common.events import (
    Attribution,
    Body,
    Cause,
    Decision,
    FeedbackClassified,
    FeedbackIdentified,
    FeedbackReceived,
    Identifier,
    Revision,
    Score,
)
from voc_common.wire import Header, Outgoing
from voc_local.ground import Ground

STAGES = 4
PARTITIONS = 8
SAMPLE = 500
"""Records of which the sizes of events are taken."""
_encode = msgspec.json.Encoder().encode


def topic(stage: int) -> str:
    return f"raw.{stage}"


def told(record: dict[str, Any]) -> list[Outgoing]:
    """The three events of voc that tell of a record on its way, as they are on the bus."""
    at = 1_760_000_000_000_000
    rid = versions.record_id(b"k" * 32, at, "s", "t", record["id"])
    score = msgspec.convert(record["score"], Score) if "score" in record else None
    revision = Revision(
        versions.revision(0, at, rid.encode()), at, at, at, 20_371, record["source"], record["kind"],
        record["channel"], "customer", record.get("product", ""), "", record.get("segment", ""), score,
    )  # fmt: skip
    whose = Attribution(versions.attribution(1, 1), rid, "crm:A-1234", at)
    about = Decision(
        versions.decision(1, revision.version, 0, 0), (Cause("wrong-charge", 0.9905),), "support",
        0.55, -0.412, "en", "0123456789ab", 1, at,
    )  # fmt: skip
    body = msgspec.Raw(_encode(Body(record["text"])))
    names = msgspec.convert(record["identifiers"], tuple[Identifier, ...])
    of: dict[str, Any] = {"tenant": "bench", "record_id": rid, "revision": revision}
    return [
        wire.encode(FeedbackReceived(**of, identifiers=names, body=body)),
        wire.encode(FeedbackIdentified(**of, attribution=whose, body=body)),
        wire.encode(FeedbackClassified(**of, attribution=whose, decision=about)),
    ]


class Form(msgspec.Struct, frozen=True):
    """What a stage passes on: values of this many bytes, with these headers."""

    size: int
    headers: list[Header]


def forms(load: Load) -> list[Form]:
    """The mean sizes and the headers of voc's events, by topic."""
    sample = [told(load.record()) for _ in range(SAMPLE)]
    return [
        Form(sum(len(m.value) for m in each) // SAMPLE, each[0].headers)
        for each in zip(*sample, strict=True)
    ]


async def stage(number: int, form: Form | None, servers: str, url: str) -> None:
    """Read, copy, pass on, commit; until killed."""
    consumer = bus.Consumer(servers, "", f"raw{number}", [topic(number)], 10_000)
    producer = bus.Producer(servers, "")
    database = await connect(url)
    await consumer.start()
    filler = b"x" * 2048
    while True:
        messages = await consumer.poll(1000, 5)
        if not messages:
            continue
        async with database.transaction():
            await database.copy_records_to_table(
                f"raw{number}", records=[(m.key, m.value) for m in messages]
            )
        if form is not None:
            await producer.publish(
                [
                    Outgoing(
                        topic(number + 1), m.key, (m.value + filler)[: form.size], form.headers
                    )
                    for m in messages
                ]
            )
        await consumer.commit(messages)


def process(what: tuple[int, Form | None], servers: str, url: str) -> None:
    asyncio.run(stage(*what, servers, url))


async def run(servers: Ground, events: int, warm: int) -> dict[str, Any]:
    await bus.apply_topics(servers.kafka, "", {topic(n): (PARTITIONS, {}) for n in range(STAGES)})
    database = await connect(servers.database_url)
    for n in range(STAGES):
        await database.execute(f"create table raw{n} (key bytea, value bytea)")
    load = Load(seed=7)
    passed_on = [*forms(load), None]
    workers = spawned(
        process, {f"stage {n}": (n, form) for n, form in enumerate(passed_on)}, servers
    )
    producer = bus.Producer(servers.kafka, "")
    messages = [
        Outgoing(topic(0), f"bench/{n:032x}".encode(), _encode(load.record()), [])
        for n in range(warm + events)
    ]

    async def through(batch: list[Outgoing], total: int) -> None:
        for begin in range(0, len(batch), 500):
            await producer.publish(batch[begin : begin + 500])
        counted = f"select count(*) from raw{STAGES - 1}"
        while await database.fetchval(counted) < total:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    await through(messages[:warm], warm)
    report = await measured(
        servers, workers, events, lambda: through(messages[warm:], warm + events)
    )
    for worker in workers.values():
        worker.terminate()
    await producer.close()
    await database.close()
    sent = round(sum(len(m.value) for m in messages) / len(messages))
    return report | {"bytes_per_event": [sent, *(form.size for form in passed_on if form)]}


if __name__ == "__main__":
    main(__doc__ or "", run, events=100_000, warm=20_000)
