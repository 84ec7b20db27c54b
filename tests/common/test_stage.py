"""The delivery loop over a real bus: poison, neighbours, lanes, ticks, re-reading."""

import asyncio
from typing import Any

import msgspec
import pytest
from voc_common import bus, wire
from voc_common.bus import Message
from voc_common.events import Event, RecordsErased, Tick
from voc_common.postgres import Database, Transaction
from voc_common.postgres.dead_letters import bury, dead_letter, expire
from voc_common.stage import Stage, Subscriptions
from voc_common.suspicion import Outage
from voc_identity.settings import IdentitySettings


async def letters(database: Database, count: int) -> list[tuple[str, str]]:
    """Dead letters once there are `count`: (tenant, reason)."""
    async with asyncio.timeout(20):
        while True:
            async with database.transaction() as tx:
                rows = await tx.rows(
                    "select tenant, reason from identity.dead_letter order by created_at"
                )
            if len(rows) >= count:
                return [(r.tenant, r.reason) for r in rows]
            await asyncio.sleep(0.05)


async def test_poison_is_dead_lettered_while_its_neighbours_pass(
    line: Any, database: Database, settings: IdentitySettings
) -> None:
    good = [line.feedback("one", n, f"p{n}@acme.com") for n in range(40)]
    torn = wire.Outgoing("voc.feedback", b"one/x", b"{not json", wire.encode(good[0]).headers)
    unknown = wire.Outgoing("voc.feedback", b"one/y", b"{}", [("ce_type", b"voc.Nonsense")])
    bad_id = msgspec.structs.replace(good[0], record_id="too-short")
    poison = msgspec.structs.replace(good[1], record_id="f" * 32, tenant="one\x00")
    messages = [
        *map(wire.encode, good[:20]),
        torn,
        unknown,
        wire.encode(bad_id),
        *map(wire.encode, good[20:]),
    ]
    async with line.running(database, settings):
        await line.producer.publish([*messages, wire.encode(poison)])
        out = await line.read("voc.feedback.identified", 40)
        found = await letters(database, 4)
    records = {wire.decode(m.headers, m.value).record_id for m in out}  # type: ignore[union-attr]
    assert records == {e.record_id for e in good}
    assert len(found) == 4
    assert any("unknown event type" in reason for _, reason in found)
    assert any("record_id must have" in reason for _, reason in found)


async def test_a_value_that_postgres_refuses_is_bisected_out(
    line: Any, database: Database, settings: IdentitySettings
) -> None:
    """A NUL inside an otherwise good event passes every rule of the language, and fails in the statement."""
    async with database.transaction() as tx:
        before = (await tx.rows("select count(*) as n from identity.dead_letter"))[0].n
    good = [line.feedback("two", n, f"q{n}@acme.com") for n in range(100, 150)]
    revision = msgspec.structs.replace(good[7].revision, source="nul\x00")
    good[7] = msgspec.structs.replace(good[7], revision=revision)
    async with line.running(database, settings):
        await line.producer.publish(map(wire.encode, good))
        out = await line.read("voc.feedback.identified", 40 + 49)
        found = await letters(database, before + 1)
    mine = {wire.decode(m.headers, m.value).record_id for m in out if b"two/" in m.key}  # type: ignore[union-attr]
    assert mine == {e.record_id for i, e in enumerate(good) if i != 7}
    assert [tenant for tenant, _ in found[before:]] == ["two"]


async def test_bulk_stays_in_its_lane_and_ticks_follow_their_records(
    line: Any, database: Database, settings: IdentitySettings
) -> None:
    events = [line.feedback("three", n) for n in range(200, 230)]
    ticks = [wire.encode_tick(Tick(through=7), "voc.feedback.bulk", at) for at in range(8)]
    async with line.running(database, settings):
        await line.producer.publish(wire.encode(e, "bulk") for e in events)
        await line.producer.publish(ticks)
        out = await line.read("voc.feedback.identified.bulk", 38)
    by_partition: dict[int, list[bool]] = {}
    for m in out:
        by_partition.setdefault(m.partition, []).append(
            isinstance(wire.decode(m.headers, m.value), Tick)
        )
    assert sorted(by_partition) == list(range(8))
    for order in by_partition.values():
        assert order[-1] is True
        assert order.count(True) == 1


async def test_what_is_read_again_is_projected_again(
    line: Any, database: Database, settings: IdentitySettings
) -> None:
    event = line.feedback("four", 300, "again@acme.com")
    async with line.running(database, settings):
        await line.producer.publish([wire.encode(event)])
        await line.producer.publish([wire.encode(event)])
        async with asyncio.timeout(20):
            while True:
                out = await line.read("voc.feedback.identified", 1)
                mine = [m for m in out if m.key.startswith(b"four/")]
                if mine:
                    break
    assert len({m.value for m in mine}) == 1


async def test_what_was_read_around_a_rebalance_is_not_skipped(
    line: Any, database: Database, settings: IdentitySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that began under the former assignment can bring records of the new one."""
    read, moved = bus.Consumer.poll, False

    async def poll(
        self: bus.Consumer, limit: int, linger_ms: int, *, bulk: int
    ) -> list[bus.Message]:
        nonlocal moved
        found = await read(self, limit, linger_ms, bulk=bulk)
        if found and not moved:
            self.generation += 1
            moved = True
        return found

    monkeypatch.setattr(bus.Consumer, "poll", poll)
    async with line.running(database, settings):
        await line.producer.publish(wire.encode(line.feedback("moved", n)) for n in range(30))
        async with asyncio.timeout(20):
            while True:
                async with database.transaction() as tx:
                    rows = await tx.rows(
                        "select record_id from identity.record where tenant = 'moved'"
                    )
                if len(rows) == 30:
                    break
                await asyncio.sleep(0.05)
    assert moved


async def test_a_stage_that_refuses_everything_stops(
    line: Any, database: Database, settings: IdentitySettings
) -> None:
    """Half a window refused over several tenants is a bug, not poison."""
    events = [line.feedback(f"many{n % 5}", n) for n in range(400, 700)]
    broken = [
        msgspec.structs.replace(e, revision=msgspec.structs.replace(e.revision, source="\x00"))
        for e in events
    ]
    async with line.running(database, settings) as task:
        await line.producer.publish(map(wire.encode, broken))
        with pytest.raises(Outage):
            await asyncio.wait_for(asyncio.shield(task), 60)


async def test_dead_letters_are_gone_before_an_erasure_must_be_done(database: Database) -> None:
    old, new = (
        dead_letter(Message("voc.feedback", 0, n, b"k", f"{n}".encode(), ()), "late", "broken")
        for n in (1, 2)
    )
    async with database.transaction() as tx:
        await bury(tx, "identity", [old, new])
        await tx.run(
            "update identity.dead_letter set created_at = now() - interval '26 days' where id = :id",
            id=old.id,
        )
        await expire(tx, "identity", 25.0)
        left = await tx.rows("select id from identity.dead_letter where tenant = 'late'")
    assert [r.id for r in left] == [new.id]


async def test_a_transaction_tells_of_no_more_records_than_a_batch_has(
    line: Any, database: Database
) -> None:
    """An event may tell of hundreds of records, and a batch may have a thousand such events."""
    told: list[list[int]] = []

    async def handle(_: Transaction, events: list[RecordsErased]) -> list[Event]:
        told.append([len(e.records) for e in events])
        return []

    sizes = [4] * 30 + [25] + [1] * 30
    events = [
        RecordsErased(
            tenant="wide",
            records=tuple(f"{n}-{i}" for i in range(size)),
            decided_at=n,
            reason="test",
        )
        for n, size in enumerate(sizes)
    ]
    consumer = bus.Consumer(line.servers, line.namespace, "wide", ["voc.people"], 6_000)
    await consumer.start()
    consumed = Subscriptions({RecordsErased: handle})
    stage = Stage(consumed, database, consumer, line.producer, batch=10)
    await line.producer.publish(map(wire.encode, events))
    running = asyncio.create_task(stage.run())
    async with asyncio.timeout(20):
        while sum(map(len, told)) < len(events):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stage.stop()
    await running
    await consumer.stop()
    assert sorted(size for sizes in told for size in sizes) == sorted(sizes)
    assert [25] in told
    assert max(sum(sizes) for sizes in told if sizes != [25]) in range(8, 11)
