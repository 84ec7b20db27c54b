"""Workers that meet between look and lock, and what each guard is for: without it the partition is wrong."""

import asyncio
import random
from collections.abc import Collection, Iterable

import asyncpg
import msgspec
import pytest
from voc_common import wire
from voc_common.events import (
    Event,
    FeedbackIdentified,
    FeedbackReceived,
    Identifier,
    RecordsMoved,
)
from voc_common.fold import fold
from voc_common.postgres import Database, Transaction
from voc_identity import repository
from voc_identity.handlers import people, recluster, records
from voc_identity.repository import EdgeRow, RecordKey, written
from voc_identity.settings import IdentitySettings

from .worlds import World, deliver, expected, invariants, saying, stored, world


@pytest.mark.parametrize("guard", ["version test", "erased guard"])
async def test_without_a_guard_the_partition_is_wrong(
    database: Database, settings: IdentitySettings, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each guard carries weight: with it taken out, the tests above turn red."""
    if guard == "version test":
        monkeypatch.setattr(recluster, "newer", lambda intent, row: True)
    else:
        monkeypatch.setattr(recluster, "accepts", lambda row: True)
    wrong = 0
    for seed in range(12):
        tenant = f"{guard}{seed}".replace(" ", "")
        told = world(tenant, seed, 120)
        try:
            await deliver(database, settings, told.events, random.Random(seed))
            if guard == "erased guard":
                there = await stored(database, tenant)
                person = next(p for p, _ in there.values() if p)
                told.erased = {r for r, (p, _) in there.items() if p == person}
                await database.retried(
                    lambda tx, p=person, t=tenant: people.erase_person(tx, t, p, "asked", settings)
                )
                await deliver(database, settings, told.events, random.Random(seed + 1))
            wrong += await stored(database, tenant) != await expected(
                database, settings, tenant, told
            )
        except Exception:
            wrong += 1
        if wrong:
            return
    pytest.fail(f"twelve runs without the {guard} were all right")


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("guard", ["second_look", "stands"])
async def test_components_that_meet_between_look_and_lock(
    database: Database,
    settings: IdentitySettings,
    guard: str,
    guarded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker has seen where its value, or its twin, is; before it locks that, another joins it to more."""
    if not guarded and guard == "second_look":
        monkeypatch.setattr(recluster, guard, lambda held, now, locked: set())
    right: list[bool] = []
    # One of the two components keeps its name when they meet: the late record belongs to each in turn.
    for number, side in enumerate(("left", "right"), 1):
        tenant = f"{side}{guarded}{guard}"
        if not guarded and guard == "stands":
            seen = saying(tenant, number).record_id
            monkeypatch.setattr(written, "WRITE", written.write_sql(twin=as_seen(tenant, seen)))
        right.append(await meeting(database, settings, tenant, side, twin=guard == "stands"))
    assert all(right) == guarded


def as_seen(tenant: str, twin: str) -> str:
    """A second look-up that believes the first: the twin was alone."""
    return (
        "select r.tenant, r.record_id as component, r.record_id as person, r.account, r.profile, r.atom "
        f"from identity.record as r where r.tenant = '{tenant}' and r.record_id = '{twin}'"
    )


@pytest.mark.parametrize("way", ["new", "erased", "edited"])
async def test_two_that_bring_a_value_that_nobody_holds(
    database: Database, settings: IdentitySettings, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No component orders them then: the second must wait for the first, also where its last holder has gone."""
    tenant = f"free{way}"
    value = Identifier("email", "ann@acme1.com")

    def one(number: int, revision: int, *told: Identifier) -> FeedbackReceived:
        return saying(tenant, number, *told, revision=revision)

    async def store(tx: Transaction, arrived: FeedbackReceived) -> None:
        await records.feedback_received(tx, fold([arrived]), settings)

    holder, bare = one(1, 1, value), one(1, 2)
    if way != "new":
        await database.retried(lambda tx: store(tx, holder))
    if way == "erased":
        await database.retried(
            lambda tx: people.erase_person(tx, tenant, holder.record_id, "asked", settings)
        )
    elif way == "edited":
        await database.retried(lambda tx: store(tx, bare))
    looked, resumed, both = asyncio.Event(), asyncio.Event(), asyncio.Event()
    edges = repository.edges

    async def between_look_and_write(tx: Transaction, keys: Iterable[RecordKey]) -> list[EdgeRow]:
        if looked.is_set():
            both.set()
        else:
            looked.set()
            await resumed.wait()
        return await edges(tx, keys)

    monkeypatch.setattr(repository, "edges", between_look_and_write)
    first, second = one(2, 1, value), one(3, 1, value)
    early = asyncio.create_task(database.retried(lambda tx: store(tx, first)))
    await looked.wait()
    late = asyncio.create_task(database.retried(lambda tx: store(tx, second)))
    async with asyncio.timeout(5):
        while not both.is_set() and not await somebody_waits(settings.database_url):
            pass
    resumed.set()
    await asyncio.gather(early, late)
    there = await stored(database, tenant)
    assert there[first.record_id] == there[second.record_id] != ("", "")
    await invariants(database, tenant)


async def test_the_record_that_is_noted_of_a_profile(
    database: Database, settings: IdentitySettings
) -> None:
    """The earliest that came, or another once it tells something else; those behind it follow it."""
    tenant = "noted"
    value = Identifier("email", "ann@acme1.com")

    def one(number: int, revision: int, *told: Identifier) -> FeedbackReceived:
        return saying(tenant, number, *told, revision=revision)

    async def noted(arrived: FeedbackReceived) -> list[str]:
        await database.retried(lambda tx: records.feedback_received(tx, fold([arrived]), settings))
        async with database.transaction() as tx:
            rows = await tx.rows(
                "select record_id from identity.profile where tenant = :t", t=tenant
            )
        return [r.record_id for r in rows]

    numbers = sorted(range(5), key=lambda number: one(number, 1).record_id)
    ids = [one(number, 1).record_id for number in numbers]
    assert await noted(one(numbers[2], 1, value)) == [ids[2]]
    assert await noted(one(numbers[3], 1, value)) == [ids[2]], "it follows"
    assert await noted(one(numbers[1], 1, value)) == [ids[1]], "an earlier one"
    assert await noted(one(numbers[1], 2)) == [ids[1]], "edited: it tells nothing any more"
    assert await noted(one(numbers[4], 1, value)) == [ids[4]], "one that still tells it"
    assert await noted(one(numbers[0], 1, value)) == [ids[0]]
    assert {p for p, _ in (await stored(database, tenant)).values()} == {ids[0], ""}


async def somebody_waits(url: str) -> bool:
    """Whether a transaction waits for another; only the server's owner may see that."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' "
            "and datname = current_database()"
        )
    finally:
        await connection.close()


async def meeting(
    database: Database, settings: IdentitySettings, tenant: str, side: str, *, twin: bool
) -> bool:
    """Whether a late record of one side lands with the person that both sides became meanwhile."""

    by = {
        "left": Identifier("email", "ann@acme1.com"),
        "right": Identifier("external", "C-7", "crm"),
        "unlike": Identifier("account", "acme", "crm"),
    }

    def one(number: int, *sides: str) -> FeedbackReceived:
        return saying(tenant, number, *[by[s] for s in sides])

    async def store(arrived: FeedbackReceived) -> None:
        await database.retried(lambda tx: records.feedback_received(tx, fold([arrived]), settings))

    left, right, bridge = one(1, "left"), one(2, "right"), one(3, "left", "right")
    latest = max(range(4, 100), key=lambda number: one(number).record_id)
    late = one(latest, side) if twin else one(latest, side, "unlike")
    await store(left)
    await store(right)
    looked, joined = asyncio.Event(), asyncio.Event()
    lock_components = repository.lock_components

    async def lock_late(tx: Transaction, components: Collection[RecordKey]) -> None:
        if not looked.is_set():
            looked.set()
            await joined.wait()
        await lock_components(tx, components)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "lock_components", lock_late)
        waiting = asyncio.create_task(store(late))
        await looked.wait()
        await store(bridge)
        joined.set()
        await waiting
    told = World([left, right, bridge, late])
    wanted = await expected(database, settings, tenant, told)
    assert len({person for person, _ in wanted.values()}) == 1
    return await stored(database, tenant) == wanted


async def test_a_move_is_told_though_the_record_came_in_an_older_revision(
    database: Database, settings: IdentitySettings
) -> None:
    """A stale copy comes in the batch whose other record gives its record another person."""
    tenant = "stale"
    ann, crm = Identifier("email", "ann@acme1.com"), Identifier("external", "C-7", "crm")

    def one(number: int, revision: int, *told: Identifier) -> FeedbackReceived:
        return saying(tenant, number, *told, revision=revision)

    numbers = sorted(range(1, 20), key=lambda number: one(number, 1).record_id)
    first, edited, bridge = numbers[:3]

    async def store(*arrived: FeedbackReceived) -> list[Event]:
        async def use(tx: Transaction) -> list[Event]:
            return await records.feedback_received(tx, fold(arrived), settings)

        return await database.retried(use)

    await store(one(first, 1, ann))
    await store(one(edited, 1, crm))
    await store(one(edited, 2, crm))
    said = await store(one(edited, 1, crm), one(bridge, 1, ann, crm))
    moves = await outbox(database)
    told = {m.record_id: m.person for e in moves for m in e.records if e.tenant == tenant}
    told |= {e.record_id: e.attribution.person for e in said if isinstance(e, FeedbackIdentified)}
    there = await stored(database, tenant)
    assert {person for person, _ in there.values()} == {one(first, 1).record_id}
    assert told[one(edited, 1).record_id] == one(first, 1).record_id


async def outbox(database: Database) -> list[RecordsMoved]:
    """What transactions have left to be said of people."""
    async with database.transaction() as tx:
        rows = await tx.rows("select headers, value from identity.outbox order by id")
    found = [wire.decode(msgspec.msgpack.decode(r.headers), r.value) for r in rows]
    return [e for e in found if isinstance(e, RecordsMoved)]
