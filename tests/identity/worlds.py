"""Random worlds of records, told to identity in any order, and what must come of them."""

import asyncio
import random
from dataclasses import dataclass, field

import msgspec
from voc_common import versions
from voc_common.events import (
    Event,
    FeedbackReceived,
    Identifier,
    Revision,
)
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_identity import repository
from voc_identity.domain.cluster import cluster
from voc_identity.domain.normalise import key_rules, normalise
from voc_identity.domain.records import Cut, Must, record_of
from voc_identity.handlers import records
from voc_identity.settings import IdentitySettings

WORKERS = 4
GIVEN = ["Ann", "Bob", "Cem", "Dora", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jana"]


def event(
    tenant: str, number: int, revision: int, rng: random.Random, people_count: int, came: int = 0
) -> FeedbackReceived:
    """A record of a random person, by a random subset of its identifiers; sometimes of nobody. It first came at `came`."""
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
            first_at=1_700_000_000_000_000 + came,
        ),
        identifiers=tuple(identifiers),
        body=msgspec.Raw(b"{}"),
    )


def saying(
    tenant: str, number: int, *identifiers: Identifier, revision: int = 1, came: int = 0
) -> FeedbackReceived:
    """A record that tells just this of its person."""
    base = event(tenant, number, revision, random.Random(number), 10, came)
    return msgspec.structs.replace(base, identifiers=identifiers)


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
        # Some came at the same time, and in another order than that of their ids.
        came = number * 37 % 101
        events.append(event(tenant, number, 1, rng, size // 5, came))
        if rng.random() < 0.2:
            events.append(event(tenant, number, 2, rng, size // 5, came))
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
        normalise(e.identifiers, read).record(e.record_id, e.revision.first_received_at)
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
