"""Any arrival order, any batching, four workers: the persons are those of `cluster(all records)`."""

import asyncio
import random
from collections import defaultdict

import msgspec
import pytest
from voc_common import wire
from voc_common.events import (
    Event,
    FeedbackIdentified,
    FeedbackReceived,
    Identifier,
    RecordsMoved,
    TenantConfigured,
)
from voc_common.postgres import Database
from voc_identity import repository
from voc_identity.handlers import people, records
from voc_identity.handlers.found import edge_of
from voc_identity.settings import IdentitySettings

from .worlds import World, deliver, event, expected, invariants, stored, world


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_batching_with_four_workers(
    database: Database, settings: IdentitySettings, seed: int
) -> None:
    tenant = f"order{seed}"
    told = world(tenant, seed)
    await deliver(database, settings, told.events, random.Random(seed + 1000))
    assert await stored(database, tenant) == await expected(database, settings, tenant, told)
    await invariants(database, tenant)


async def test_tenants_in_one_batch_do_not_meet(
    database: Database, settings: IdentitySettings
) -> None:
    one, two = world("left", 1), world("right", 1)
    mixed = one.events + two.events
    await deliver(database, settings, mixed, random.Random(5))
    for tenant, told in (("left", one), ("right", two)):
        assert await stored(database, tenant) == await expected(database, settings, tenant, told)


async def one_merge_stands(database: Database, settings: IdentitySettings, tenant: str) -> None:
    """Whatever was taken back, something that people said is in force."""
    if not await edges_of(database, tenant):
        a, b, *_ = sorted({p for p, _ in (await stored(database, tenant)).values() if p})
        await database.retried(
            lambda tx: people.merge(tx, tenant, [a, b], "same", "test", settings)
        )


@pytest.mark.parametrize("seed", range(6, 12))
async def test_commands_between_deliveries(
    database: Database, settings: IdentitySettings, seed: int
) -> None:
    """Merges, splits, undo and erasures while records keep coming."""
    tenant = f"commands{seed}"
    rng = random.Random(seed)
    told = world(tenant, seed)
    half = len(told.events) // 2

    async def commands() -> None:
        for _ in range(12):
            there = await stored(database, tenant)
            persons = sorted({p for p, _ in there.values() if p})
            if len(persons) < 4:
                await asyncio.sleep(0)
                continue
            what = rng.random()
            a, b = rng.sample(persons, 2)
            try:
                if what < 0.45:
                    await database.retried(
                        lambda tx, a=a, b=b: people.merge(
                            tx, tenant, [a, b], "same", "test", settings
                        )
                    )
                elif what < 0.7:
                    mine = sorted(r for r, (p, _) in there.items() if p == a)
                    if len(mine) > 1:
                        part = mine[: len(mine) // 2]
                        await database.retried(
                            lambda tx, a=a, part=part: people.split(
                                tx, tenant, a, part, "apart", "test", settings
                            )
                        )
                elif what < 0.85:
                    listed = await edges_of(database, tenant)
                    if listed:
                        await database.retried(
                            lambda tx, e=rng.choice(listed): people.undo(
                                tx, tenant, e, "test", settings
                            )
                        )
                else:
                    await database.retried(
                        lambda tx, a=a: people.erase_person(tx, tenant, a, "asked", settings)
                    )
            except people.NotThere:
                continue  # merged or erased by an earlier command of this loop
        await one_merge_stands(database, settings, tenant)

    said = await deliver(database, settings, told.events[:half], random.Random(seed))
    more, _ = await asyncio.gather(
        deliver(database, settings, told.events[half:], random.Random(seed + 1)), commands()
    )
    all_records = {e.record_id for e in told.events}
    await erase_a_share(database, settings, tenant, len(all_records), rng)
    said += more + await deliver(database, settings, told.events, random.Random(seed + 2))
    async with database.transaction() as tx:
        edges = await tx.rows(
            "select edge, kind, left_records, right_records from identity.edge where tenant = :tenant and retracted_at is null",
            tenant=tenant,
        )
        gone = await tx.rows(
            "select record_id from identity.record where tenant = :tenant and erased", tenant=tenant
        )
    told.erased = {r.record_id for r in gone}
    there = {e.record_id for e in told.events} - told.erased
    told.edges = [edge_of(repository.EdgeRow(tenant=tenant, **dict(e)), there) for e in edges]
    assert told.edges
    assert len(told.erased) >= 0.05 * len(all_records)
    assert len(told.events) - len(all_records) >= 0.1 * len(all_records), "edited"
    assert len(await moved(database, tenant, said)) >= 0.3 * len(all_records)
    assert await stored(database, tenant) == await expected(database, settings, tenant, told)
    await invariants(database, tenant)


async def erase_a_share(
    database: Database, settings: IdentitySettings, tenant: str, count: int, rng: random.Random
) -> None:
    """Erase persons until a twentieth of the records is gone."""
    while len(there := await stored(database, tenant)) > 0.95 * count:
        person = rng.choice(sorted({p for p, _ in there.values() if p}))
        await database.retried(
            lambda tx, p=person: people.erase_person(tx, tenant, p, "asked", settings)
        )


async def moved(database: Database, tenant: str, said: list[Event]) -> set[str]:
    """The records that were given to more than one person, by what was published and what waits to be."""
    async with database.transaction() as tx:
        rows = await tx.rows("select headers, value from identity.outbox")
    waiting = [
        wire.decode(msgspec.msgpack.decode(r.headers, type=list[tuple[str, bytes]]), r.value)
        for r in rows
    ]
    persons: dict[str, set[str]] = defaultdict(set)
    for told in (*said, *waiting):
        if isinstance(told, FeedbackIdentified) and told.tenant == tenant:
            persons[told.record_id].add(told.attribution.person)
        elif isinstance(told, RecordsMoved) and told.tenant == tenant:
            for one in told.records:
                persons[one.record_id].add(one.person)
    return {record for record, found in persons.items() if len(found) > 1}


async def edges_of(database: Database, tenant: str) -> list[int]:
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select edge from identity.edge where tenant = :tenant and retracted_at is null order by edge",
            tenant=tenant,
        )
    return [r.edge for r in rows]


async def test_a_value_crosses_the_generic_threshold_both_ways(
    database: Database, settings: IdentitySettings
) -> None:
    """Five names on one phone part its holders; an edit and an erasure bring the rest together again."""
    tenant = "threshold"
    phone = Identifier("phone", "+4917642318850")

    def one(number: int, revision: int, given: str) -> FeedbackReceived:
        base = event(tenant, number, revision, random.Random(number), 10)
        named = (phone, Identifier("name", f"{given} Fox")) if given else (phone,)
        return msgspec.structs.replace(base, identifiers=named)

    told = World([one(n, 1, "Ann") for n in range(3)])
    await deliver(database, settings, told.events, random.Random(1))
    once = {p for p, _ in (await stored(database, tenant)).values()}
    assert len(once) == 1
    assert "" not in once

    told.events += [one(10 + n, 1, given) for n, given in enumerate(["Bob", "Cem", "Dora", "Eva"])]
    await deliver(database, settings, told.events, random.Random(2))
    there = await stored(database, tenant)
    assert {p for p, _ in there.values()} == {""}, "more than four names: the phone says nothing"
    assert there == await expected(database, settings, tenant, told)

    told.events.append(one(10, 2, "Ann"))
    await deliver(database, settings, told.events, random.Random(3))
    there = await stored(database, tenant)
    assert there == await expected(database, settings, tenant, told)
    assert "" not in {p for p, _ in there.values()}, "four names again: the Anns are one person"

    fifth = one(20, 1, "Finn")
    told.events.append(fifth)
    await deliver(database, settings, told.events, random.Random(4))
    there = await stored(database, tenant)
    assert {p for p, _ in there.values()} == {""}, "a fifth name again"
    told.erased = {fifth.record_id}
    await database.retried(
        lambda tx: people.erase_records(tx, tenant, told.erased, "asked", settings)
    )
    await deliver(database, settings, told.events, random.Random(5))
    there = await stored(database, tenant)
    assert there == await expected(database, settings, tenant, told)
    assert "" not in {p for p, _ in there.values()}, "it was erased: the phone links again"


async def test_blocked_values_of_the_tenant_are_read_anew(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "blocking"
    told = world(tenant, 77)
    await deliver(database, settings, told.events, random.Random(1))
    for version, blocked in ((1, ("+491519876000", "@acme1.com", "+49151987600 01")), (2, ())):
        configured = TenantConfigured(tenant=tenant, version=version, blocked=blocked)
        await database.retried(
            lambda tx, c=configured: records.tenant_configured(tx, [c], settings)
        )
        while await database.retried(lambda tx: records.reread(tx, settings, 50)):
            pass
        assert await stored(database, tenant) == await expected(
            database, settings, tenant, told, blocked
        )
