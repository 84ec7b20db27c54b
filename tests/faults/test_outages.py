"""Outages of the servers under load: what was accepted is kept, what cannot be is said, nothing is half done."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable

import psutil
import pytest
from faults.conftest import Own
from harness.sender import Sender, Sent, p99
from harness.system import System
from voc_common import bus, wire
from voc_common.events import FeedbackIdentified

pytestmark = pytest.mark.slow

RATE = 80.0
WINDOW = 6.0
ROUNDS = 3


async def sender(system: System) -> tuple[str, Sender]:
    """A fresh tenant and its machine."""
    tenant = await system.tenant()
    return tenant, Sender(system.fleet.url("ingest"), system.token(tenant))


def accepted(sent: Iterable[Sent]) -> set[str]:
    """Record ids of all accepted items."""
    return {
        result["record_id"]
        for s in sent
        if s.status == 202
        for result in s.body.get("results", [s.body])
    }


async def identified(system: System, tenant: str, wanted: set[str]) -> set[str]:
    """Record ids that identity has told of on the bus, read until all wanted ones are among them."""
    reader = bus.Consumer(
        system.kafka, system.namespace, f"reader-{tenant}", ["voc.feedback.identified"], 10_000
    )
    await reader.start()
    found: set[str] = set()
    try:
        async with asyncio.timeout(60):
            while not found >= wanted:
                for m in await reader.poll(1000, 0):
                    event = wire.decode(m.headers, m.value)
                    if isinstance(event, FeedbackIdentified) and event.tenant == tenant:
                        found.add(event.record_id)
    except TimeoutError:
        pass
    finally:
        await reader.stop()
    return found


async def all_arrived(system: System, tenant: str, sent: list[Sent]) -> None:
    """Every accepted record is in the archive once, in identity once, and on the bus behind it."""
    wanted = accepted(sent)
    assert len(wanted) == sum(len(s.ids) for s in sent if s.status == 202)
    await system.settled(90)
    rows = await system.rows("select record_id from ingest.archive where tenant = $1", tenant)
    archived = [r["record_id"] for r in rows]
    assert len(archived) == len(set(archived))
    assert wanted <= set(archived)
    rows = await system.rows("select record_id from identity.record where tenant = $1", tenant)
    assert sorted(r["record_id"] for r in rows) == sorted(archived)
    assert await identified(system, tenant, set(archived)) == set(archived)


async def test_a_broker_that_is_killed_is_not_felt_at_the_door(
    own: Own, half: System, tell: Callable[[str], None]
) -> None:
    tenant, machine = await sender(half)
    await machine.send(2.0, RATE)
    usual: list[Sent] = []
    away: list[Sent] = []
    shown: list[str] = []
    for _ in range(ROUNDS):
        await half.settled()
        usual += (one := await machine.send(WINDOW, RATE))
        sending = asyncio.create_task(machine.send(WINDOW, RATE))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(own.kafka.kill)
        away += (other := await sending)
        shown.append(f"{p99(one):.1f}/{p99(other):.1f}")
        await asyncio.to_thread(own.kafka.start)
    tell(
        f"p99 at the door: usual {p99(usual):.1f} ms, broker away {p99(away):.1f} ms, "
        f"ratio {p99(away) / p99(usual):.2f} ({len(usual)} and {len(away)} requests; "
        f"by round {', '.join(shown)} ms)"
    )
    assert {s.status for s in machine.sent} == {202}
    began = time.monotonic()
    await all_arrived(half, tenant, machine.sent)
    tell(f"drained and read {time.monotonic() - began:.1f} s after the broker was back")
    assert p99(away) <= 1.5 * p99(usual)


async def test_an_api_that_starts_while_the_broker_is_away_accepts(own: Own, half: System) -> None:
    tenant, machine = await sender(half)
    (door,) = half.fleet.of("ingest", "api")
    await asyncio.to_thread(own.kafka.kill)
    try:
        door.kill()
        door.start()
        deadline = time.monotonic() + 30
        while door.fault():
            assert time.monotonic() < deadline, door.tail()
            await asyncio.sleep(0.05)
        sent = await machine.send(2.0, 20.0, size=20)
    finally:
        await asyncio.to_thread(own.kafka.start)
    assert {s.status for s in sent} == {202}
    await all_arrived(half, tenant, machine.sent)


async def test_while_postgres_is_away_nothing_is_half_accepted(
    own: Own, half: System, tell: Callable[[str], None]
) -> None:
    tenant, machine = await sender(half)
    await machine.send(1.0, 20.0, size=20)
    for round_ in range(2):
        sending = asyncio.create_task(machine.send(8.0, 30.0, size=20))
        await asyncio.sleep(1.0 + 0.3 * round_)
        await asyncio.to_thread(own.postgres.kill)
        began = time.monotonic()
        while not any(s.status == 503 for s in await _during(machine, sending, 0.5)):
            assert time.monotonic() - began < 5, "no 503"
        status, told = half.fleet.of("ingest", "api")[0].get("/readyz")
        assert status == 503, told
        assert half.fleet.of("ingest", "api")[0].get("/livez")[0] == 200
        await asyncio.to_thread(own.postgres.start)
        await sending
        assert {s.status for s in await opened(machine)} == {202}
    answers = machine.sent
    refused = [s for s in answers if s.status != 202]
    assert {s.status for s in answers} == {202, 503}
    assert all(0 < int(s.retry_after) <= 60 for s in refused)
    slowest = max(s.seconds for s in refused)
    tell(
        f"{len(answers) - len(refused)} accepted, {len(refused)} times 503 (slowest {slowest:.2f} s)"
    )
    await all_arrived(half, tenant, answers)
    await none_half_accepted(half, tenant, refused)


async def test_a_postgres_that_hangs_is_away_too(
    own: Own, half: System, tell: Callable[[str], None]
) -> None:
    tenant, machine = await sender(half)
    await machine.send(1.0, 20.0, size=20)
    server = psutil.Process(own.postgres.pid)
    # The first process first: it makes the others.
    server.suspend()
    frozen = [server, *server.children(recursive=True)]
    try:
        each(frozen[1:], psutil.Process.suspend)
        async with asyncio.timeout(90):
            refused = await machine.send(2.0, 10.0, size=20)
    finally:
        each(frozen, psutil.Process.resume)
    assert {s.status for s in refused} == {503}
    assert all(0 < int(s.retry_after) <= 60 for s in refused)
    # Reading the tenant and storing each have an end of their own.
    slowest = max(s.seconds for s in refused)
    tell(f"{len(refused)} times 503, the slowest after {slowest:.1f} s")
    assert slowest < 45
    assert {s.status for s in await opened(machine)} == {202}
    await all_arrived(half, tenant, machine.sent)
    await none_half_accepted(half, tenant, list(refused))


def each(processes: list[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    """Do something to all that are still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            act(process)


async def opened(machine: Sender) -> list[Sent]:
    """Requests after the door has opened again, which it does by itself."""
    began = time.monotonic()
    while any(s.status != 202 for s in await machine.send(0.5, 10.0)):
        assert time.monotonic() - began < 30
    return list(await machine.send(1.0, 20.0, size=20))


async def _during(
    machine: Sender, sending: asyncio.Task[object], rate_seconds: float
) -> list[Sent]:
    """What a probe beside the load gets."""
    assert not sending.done()
    return list(await Sender(machine.url, machine.token, 2).send(rate_seconds, 20.0))


async def none_half_accepted(system: System, tenant: str, refused: list[Sent]) -> None:
    """A refused batch is in the archive wholly (its commit was done, the answer was lost) or not at all."""
    rows = await system.rows(
        "select convert_from(event, 'UTF8') as event from ingest.archive where tenant = $1", tenant
    )
    texts = " ".join(r["event"] for r in rows)
    for batch in refused:
        there = [f"Message {ident}:" in texts for ident in batch.ids]
        assert all(there) or not any(there), batch.ids
