"""The peer a team would write first: FastStream, pydantic, one ORM commit per event and stage.

    python bench/naive_peer.py --events 300 [--report FILE]

The same path as voc's, each stage a process: store and pass on, find or make the person by mail address, find the
cause by a word list, count. No versions, no batches, no dead letters: a redelivery would count twice.
"""

import asyncio
from typing import Any

import msgspec
from faststream import FastStream
from faststream.kafka import KafkaBroker
from load import Load
from pydantic import BaseModel
from reader import reader
from running import main, measured, spawned
from sqlalchemy import JSON, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from voc_common import bus
from voc_common.postgres.database import async_url
from voc_common.wire import Outgoing
from voc_local.ground import Ground

STAGES = ("ingest", "identity", "taxonomy", "scorecard")
PARTITIONS = 6
WORDS = {"charged": "billing", "slow": "performance", "crash": "stability", "login": "access"}


class Identifier(BaseModel):
    type: str
    value: str
    issuer: str = ""


class Score(BaseModel):
    value: float
    min: float
    max: float
    kind: str
    question: str = ""


class Feedback(BaseModel):
    """An event with all that the stages have added so far."""

    source: str
    id: str
    kind: str
    created_at: str
    text: str = ""
    channel: str = ""
    segment: str = ""
    product: str = ""
    identifiers: list[Identifier] = []
    score: Score | None = None
    person: int | None = None
    cause: str | None = None


class Base(DeclarativeBase):
    pass


class Archived(Base):
    __tablename__ = "archived"
    id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)


class Alias(Base):
    __tablename__ = "alias"
    value: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))


class Classified(Base):
    __tablename__ = "classified"
    id: Mapped[str] = mapped_column(primary_key=True)
    cause: Mapped[str]


class Count(Base):
    __tablename__ = "count"
    cell: Mapped[str] = mapped_column(primary_key=True)
    records: Mapped[int]


async def ingest(session: AsyncSession, event: Feedback) -> None:
    await session.merge(Archived(id=event.id, body=event.model_dump()))


async def identity(session: AsyncSession, event: Feedback) -> None:
    for identifier in event.identifiers:
        known = await session.get(Alias, identifier.value)
        if known is not None:
            event.person = known.person_id
    if event.person is None:
        person = Person()
        session.add(person)
        await session.flush()
        event.person = person.id
    for identifier in event.identifiers:
        await session.merge(Alias(value=identifier.value, person_id=event.person))


async def taxonomy(session: AsyncSession, event: Feedback) -> None:
    words = event.text.lower().split()
    event.cause = next((WORDS[w] for w in words if w in WORDS), "unknown")
    await session.merge(Classified(id=event.id, cause=event.cause))


async def scorecard(session: AsyncSession, event: Feedback) -> None:
    for cell in (f"cause:{event.cause}", f"channel:{event.channel}", f"segment:{event.segment}"):
        found = await session.scalar(select(Count).where(Count.cell == cell).with_for_update())
        if found is None:
            session.add(Count(cell=cell, records=1))
        else:
            found.records += 1


HANDLERS = {"ingest": ingest, "identity": identity, "taxonomy": taxonomy, "scorecard": scorecard}


def process(name: str, servers: str, url: str) -> None:
    """One stage: an event at a time, a session and a commit for each, then the next topic."""
    broker = KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)
    sessions = async_sessionmaker(create_async_engine(async_url(url)), expire_on_commit=False)
    following = STAGES[STAGES.index(name) + 1 :][:1]

    @broker.subscriber(f"naive.{name}", group_id=f"naive-{name}", auto_offset_reset="earliest")
    async def handle(event: Feedback) -> None:
        async with sessions() as session:
            await HANDLERS[name](session, event)
            await session.commit()
        for topic in following:
            await broker.publish(event, topic=f"naive.{topic}", key=event.id.encode())

    assert callable(handle)
    asyncio.run(FastStream(broker, logger=None).run())


async def run(servers: Ground, events: int, warm: int) -> dict[str, Any]:
    await bus.apply_topics(servers.kafka, "", {f"naive.{n}": (PARTITIONS, {}) for n in STAGES})
    engine = create_async_engine(async_url(servers.database_url))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    workers = spawned(process, {name: name for name in STAGES}, servers)
    load = Load(seed=7)
    encode = msgspec.json.Encoder().encode
    producer = bus.Producer(servers.kafka, "")

    async def through(count: int, total: int) -> None:
        records = [load.record() for _ in range(count)]
        headers = [("content-type", b"application/json")]
        await producer.publish(
            [Outgoing("naive.ingest", str(r["id"]).encode(), encode(r), headers) for r in records]
        )
        counted = "select coalesce(sum(records), 0) from count where cell like 'channel:%'"
        async with reader(servers.database_url) as database:
            while await database.value(counted) < total:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    await through(warm, warm)
    report = await measured(servers, workers, events, lambda: through(events, warm + events))
    for worker in workers.values():
        worker.kill()
    await producer.close()
    return report


if __name__ == "__main__":
    main(__doc__ or "", run, events=300, warm=50)
