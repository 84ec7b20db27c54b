"""Any arrival order, any batching, four workers: the persons are those of `cluster(all records)`."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field

import asyncpg
import msgspec
import pytest
from voc_common import versions, wire
from voc_common.events import (
    Event,
    FeedbackIdentified,
    FeedbackReceived,
    Identifier,
    RecordsMoved,
    Revision,
    TenantConfigured,
)
from voc_common.fold import fold
from voc_common.postgres import Database, Transaction
from voc_common.postgres.migrations import migrate
from voc_identity import repository
from voc_identity.domain.cluster import cluster
from voc_identity.domain.normalise import key_rules, normalise
from voc_identity.domain.records import Cut, Must, record_of
from voc_identity.handlers import people, recluster, records
from voc_identity.handlers.found import edge_of
from voc_identity.repository import EdgeRow, RecordKey, written
from voc_identity.settings import IdentitySettings

WORKERS = 4


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "identity")
    found = Database(database_url, "identity", "worker", pool=WORKERS + 1)
    yield found
    await found.close()


@pytest.fixture
def settings(database_url: str) -> IdentitySettings:
    return IdentitySettings(database_url=database_url, kafka_bootstrap_servers="", generic_names=4)


GIVEN = ["Ann", "Bob", "Cem", "Dora", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana"]


def event(
    tenant: str, number: int, revision: int, rng: random.Random, people_count: int
) -> FeedbackReceived:
    """A record of a random person, by a random subset of its identifiers; sometimes of nobody."""
    who = rng.randrange(people_count)
    given = GIVEN[who % len(GIVEN)]
    identifiers: list[Identifier] = []
    if rng.random() < 0.5:
        identifiers.append(Identifier("email", f"{given.lower()}{who}@acme{who % 3}.com"))
    if rng.random() < 0.4:
        identifiers.append(Identifier("external", f"C-{who}", "crm"))
    if rng.random() < 0.4:
        identifiers.append(Identifier("phone", f"+4915112340{who:03d}"))
    if rng.random() < 0.25:
        # A phone of a household, or of a call centre: it turns generic when many names share it.
        identifiers.append(Identifier("phone", f"+49151987600{who % 4:02d}"))
    if rng.random() < 0.7:
        identifiers.append(Identifier("name", f"{given} Nr{'abcdefghij'[who // 10 % 10]}"))
    if rng.random() < 0.3:
        identifiers.append(Identifier("account", f"acme{who % 3}", "crm"))
    rng.shuffle(identifiers)
    record_id = versions.record_id(b"k" * 32, 1_700_000_000_000_000, "s", "t", f"{tenant}-{number}")
    version = versions.revision(
        revision, 1_700_000_000_000_000 + revision, f"{number}/{revision}".encode()
    )
    return FeedbackReceived(
        tenant=tenant,
        record_id=record_id,
        revision=Revision(
            version,
            1_700_000_000_000_000,
            1_700_000_000_000_000,
            1_700_000_000_000_000,
            19675,
            "s",
            "ticket",
        ),
        identifiers=tuple(identifiers),
        body=msgspec.Raw(b"{}"),
    )


@dataclass
class World:
    """What came in by any way: the events, and what people said."""

    events: list[FeedbackReceived]
    edges: list[Must | Cut] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)


def world(tenant: str, seed: int, size: int = 160) -> World:
    rng = random.Random(seed)
    events: list[FeedbackReceived] = []
    for number in range(size):
        events.append(event(tenant, number, 1, rng, size // 5))
        if rng.random() < 0.2:
            events.append(event(tenant, number, 2, rng, size // 5))
    return World(events)


async def deliver(
    database: Database,
    settings: IdentitySettings,
    events: list[FeedbackReceived],
    rng: random.Random,
) -> list[Event]:
    """Shuffled, a fifth of it twice, in random batches, by four workers at once; returns what they publish."""
    log = events + rng.sample(events, len(events) // 5)
    rng.shuffle(log)
    batches: list[list[FeedbackReceived]] = []
    while log:
        size = rng.choice([1, 3, 10, 40])
        batches.append(log[:size])
        log = log[size:]
    queue = iter(batches)
    published: list[Event] = []

    async def work() -> None:
        for batch in queue:
            folded = fold(batch)
            published.extend(
                await database.retried(
                    lambda tx, b=folded: records.feedback_received(tx, b, settings)
                )
            )

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return published


async def stored(database: Database, tenant: str) -> dict[str, tuple[str, str]]:
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select record_id, person, account from identity.record where tenant = :tenant and not erased",
            tenant=tenant,
        )
    return {r.record_id: (r.person, r.account) for r in rows}


async def expected(
    database: Database,
    settings: IdentitySettings,
    tenant: str,
    told: World,
    blocked: tuple[str, ...] = (),
) -> dict[str, tuple[str, str]]:
    async with database.transaction() as tx:
        secret = (await repository.rules(tx, [tenant]))[tenant].secret
    read = key_rules(secret, settings.region, blocked)
    greatest = {e.record_id: e for e in fold(told.events)}
    atoms = [
        normalise(e.identifiers, read).record(e.record_id)
        for e in greatest.values()
        if e.record_id not in told.erased
    ]
    partition = cluster(atoms, told.edges, records.rules_of(settings))
    return {
        r: (p.person_id if p.identifiable else "", p.account)
        for p in partition.persons
        for r in p.members
    }


async def invariants(database: Database, tenant: str) -> None:
    """Values lead to the component of their holders, and of generic ones every way to hold them is noted."""
    async with database.transaction() as tx:
        keys = await tx.rows(
            "select hash, component, generic from identity.key where tenant = :t", t=tenant
        )
        there = await tx.rows(
            "select record_id, component, profile, atom from identity.record where tenant = :t and not erased",
            t=tenant,
        )
        noted = await tx.rows(
            "select hash, record_id from identity.holder where tenant = :t", t=tenant
        )
    state = {k.hash: k for k in keys}
    atoms = {r.record_id: record_of(r.record_id, r.atom) for r in there}
    place = {r.record_id: (r.component, r.profile) for r in there}
    holders = {(k.hash, r) for r, atom in atoms.items() for k in atom.keys}
    for value, record in holders:
        assert state[value].generic or state[value].component == place[record][0]
    found = {(n.hash, n.record_id) for n in noted}
    assert found <= holders
    generic = {(h, r) for h, r in holders if state[h].generic}
    assert {(h, *place[r]) for h, r in generic} == {
        (h, *place[r]) for h, r in found if state[h].generic
    }


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
    for event in (*said, *waiting):
        if isinstance(event, FeedbackIdentified) and event.tenant == tenant:
            persons[event.record_id].add(event.attribution.person)
        elif isinstance(event, RecordsMoved) and event.tenant == tenant:
            for one in event.records:
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
            seen = event(tenant, number, 1, random.Random(number), 10).record_id
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

    def one(number: int, revision: int, *identifiers: Identifier) -> FeedbackReceived:
        base = event(tenant, number, revision, random.Random(number), 10)
        return msgspec.structs.replace(base, identifiers=identifiers)

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

    def one(number: int, revision: int, *identifiers: Identifier) -> FeedbackReceived:
        base = event(tenant, number, revision, random.Random(number), 10)
        return msgspec.structs.replace(base, identifiers=identifiers)

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
        base = event(tenant, number, 1, random.Random(number), 10)
        return msgspec.structs.replace(base, identifiers=tuple(by[s] for s in sides))

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
        base = event(tenant, number, revision, random.Random(number), 10)
        return msgspec.structs.replace(base, identifiers=told)

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
