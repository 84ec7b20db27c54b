"""The peer a team would write first: FastStream, pydantic, one ORM commit per event and stage.

    python bench/naive_peer.py --events 300 [--report FILE]

The same path as voc's, each stage a process: an HTTP door that stores and publishes, find or make the person by mail
address, find the cause by a word list, count records, people and NPS by day in the same cells. No versions, no batches,
no windows, no dead letters: a redelivery would count twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI
from faststream import FastStream
from faststream.kafka import KafkaBroker
from load import Load
from posting import Connection, closed_loop
from pydantic import BaseModel
from reader import reader
from running import main, measured, spawned
from sqlalchemy import JSON, ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from voc_common import bus
from voc_common.postgres.database import async_url
from voc_local.ground import Ground
from voc_local.home import free_port

PARTITIONS = 8
CONNECTIONS = 8
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
    day: Mapped[str] = mapped_column(primary_key=True)
    records: Mapped[int]
    people: Mapped[int]
    answers: Mapped[int]
    promoters: Mapped[int]
    detractors: Mapped[int]


class Seen(Base):
    __tablename__ = "seen"
    cell: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[int] = mapped_column(primary_key=True)


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
    day = event.created_at[:10]
    named = {
        "cause": event.cause,
        "channel": event.channel,
        "segment": event.segment,
        "product": event.product,
    }
    for cell in sorted(
        ["all", *(f"{dimension}:{name}" for dimension, name in named.items() if name)]
    ):
        count = await session.get(Count, (cell, day), with_for_update=True)
        if count is None:
            count = Count(
                cell=cell, day=day, records=0, people=0, answers=0, promoters=0, detractors=0
            )
            session.add(count)
        count.records += 1
        if event.person and await session.get(Seen, (cell, day, event.person)) is None:
            session.add(Seen(cell=cell, day=day, person=event.person))
            count.people += 1
        if event.score and event.score.kind == "NPS":
            count.answers += 1
            count.promoters += event.score.value >= 9
            count.detractors += event.score.value <= 6


HANDLERS = {"identity": identity, "taxonomy": taxonomy, "scorecard": scorecard}


def door(port: int, servers: str, url: str) -> None:
    """The first stage: an event a request, a session and a commit for each, then the first topic."""
    broker = KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)
    sessions = async_sessionmaker(create_async_engine(async_url(url)), expire_on_commit=False)

    @asynccontextmanager
    async def started(_: FastAPI) -> AsyncIterator[None]:
        async with broker:
            await broker.start()
            yield

    app = FastAPI(lifespan=started)

    @app.post("/feedback", status_code=202)
    async def take(event: Feedback) -> dict[str, str]:
        async with sessions() as session:
            await ingest(session, event)
            await session.commit()
        await broker.publish(event, topic="naive.identity", key=event.id.encode())
        return {"status": "accepted"}

    assert callable(take)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)


def process(name: str, servers: str, url: str) -> None:
    """One stage: an event at a time, a session and a commit for each, then the next topic."""
    broker = KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)
    sessions = async_sessionmaker(create_async_engine(async_url(url)), expire_on_commit=False)
    stages = list(HANDLERS)
    following = stages[stages.index(name) + 1 :][:1]

    @broker.subscriber(f"naive.{name}", group_id=f"naive-{name}", auto_offset_reset="earliest")
    async def handle(event: Feedback) -> None:
        async with sessions() as session:
            await HANDLERS[name](session, event)
            await session.commit()
        for topic in following:
            await broker.publish(event, topic=f"naive.{topic}", key=event.id.encode())

    assert callable(handle)
    asyncio.run(FastStream(broker, logger=None).run())


async def open_door(port: int) -> list[Connection]:
    """Connections to the door, once it listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
    return [Connection(f"http://127.0.0.1:{port}", "/feedback", "none") for _ in range(CONNECTIONS)]


async def run(servers: Ground, events: int, warm: int) -> dict[str, Any]:
    await bus.apply_topics(servers.kafka, "", {f"naive.{n}": (PARTITIONS, {}) for n in HANDLERS})
    engine = create_async_engine(async_url(servers.database_url))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    port = free_port()
    workers = spawned(door, {"ingest": port}, servers)
    workers |= spawned(process, {name: name for name in HANDLERS}, servers)
    load = Load(seed=7, people=warm, untold=warm)
    encode = msgspec.json.Encoder().encode
    connections = await open_door(port)

    async def through(bodies: list[bytes], total: int) -> None:
        await closed_loop(connections, bodies)
        counted = "select coalesce(sum(records), 0) from count where cell = 'all'"
        async with reader(servers.database_url) as database:
            while await database.value(counted) < total:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    bodies = [encode(load.record()) for _ in range(warm + events)]
    await through(bodies[:warm], warm)
    report = await measured(servers, workers, events, lambda: through(bodies[warm:], warm + events))
    for worker in workers.values():
        worker.kill()
    return report


if __name__ == "__main__":
    main(__doc__ or "", run, events=300, warm=50)
