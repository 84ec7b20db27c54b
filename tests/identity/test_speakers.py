"""Records that tell the same of their person: one of them speaks for all, and every one of them goes along."""

import random
from collections.abc import Iterable
from itertools import chain

import msgspec
import pytest
from voc_common import wire
from voc_common.events import Event, FeedbackIdentified, Identifier, RecordsMoved
from voc_common.postgres import Database
from voc_identity import repository
from voc_identity.handlers import people, records
from voc_identity.handlers.found import Found, edge_of
from voc_identity.settings import IdentitySettings

from .worlds import World, deliver, expected, invariants, saying, stored

ANN, CRM = Identifier("email", "ann@acme1.com"), Identifier("external", "C-7", "crm")
_FETCHED = (
    "select idx_tup_fetch from pg_stat_xact_user_tables where relid = 'identity.record'::regclass"
)
PHONE = Identifier("phone", "+4917642318850")


def named(given: str) -> Identifier:
    return Identifier("name", f"{given} Fox")


async def last_told(database: Database, tenant: str, said: Iterable[Event]) -> dict[str, str]:
    """The person that was told last of each record, by the version of what was told."""
    async with database.transaction() as tx:
        rows = await tx.rows("select headers, value from identity.outbox")
    waiting = [wire.decode(msgspec.msgpack.decode(r.headers), r.value) for r in rows]
    told: dict[str, tuple[str, str]] = {}
    for event in chain(said, waiting):
        if isinstance(event, FeedbackIdentified) and event.tenant == tenant:
            attribution = event.attribution
            found = [(event.record_id, (attribution.version, attribution.person))]
        elif isinstance(event, RecordsMoved) and event.tenant == tenant:
            found = [(m.record_id, (m.version, m.person)) for m in event.records]
        else:
            continue
        for record_id, one in found:
            told[record_id] = max(one, told.get(record_id, ("", "")))
    return {record_id: person for record_id, (_, person) in told.items()}


async def told_as_stored(
    database: Database, settings: IdentitySettings, tenant: str, world: World, said: list[Event]
) -> dict[str, str]:
    """The persons, which are those of clustering all records and those that were told last."""
    there = await stored(database, tenant)
    assert there == await expected(database, settings, tenant, world)
    persons = {record_id: person for record_id, (person, _) in there.items()}
    told = await last_told(database, tenant, said)
    assert {r: p for r, p in told.items() if r in persons} == persons
    await invariants(database, tenant)
    return persons


async def test_all_go_where_their_speaker_goes(
    database: Database, settings: IdentitySettings
) -> None:
    """Two persons of five records each meet in an eleventh, and part again when that one tells something else."""
    tenant = "along"
    told = World([saying(tenant, n, ANN if n % 2 else CRM) for n in range(10)])
    said = await deliver(database, settings, told.events, random.Random(1))
    assert len(set((await told_as_stored(database, settings, tenant, told, said)).values())) == 2
    for revision, identifiers in ((1, (ANN, CRM)), (2, (ANN,))):
        told.events.append(saying(tenant, 10, *identifiers, revision=revision))
        said += await deliver(database, settings, told.events[-1:], random.Random(revision))
        persons = await told_as_stored(database, settings, tenant, told, said)
        assert len(set(persons.values())) == revision


async def test_those_who_go_along_are_found_without_reading_all_for_each_speaker(
    database: Database, settings: IdentitySettings
) -> None:
    """Two components of many profiles meet: each speaker's own are read, not the whole component for each."""
    tenant, profiles, each = "wide", 100, 3

    def address(n: int) -> Identifier:
        return Identifier("email", f"p{n}@acme1.com")

    told = World(
        [
            saying(tenant, n * each + i, address(n), address(n + 1))
            for n in range(2 * profiles)
            if n != profiles
            for i in range(each)
        ]
    )
    said = await deliver(database, settings, told.events, random.Random(1))
    told.events.append(saying(tenant, 10_000, address(profiles), address(profiles + 1)))
    async with database.transaction() as tx:
        said += await records.feedback_received(tx, told.events[-1:], settings)
        [(fetched,)] = await tx.rows(_FETCHED)
    assert fetched < 25 * len(told.events)
    await told_as_stored(database, settings, tenant, told, said)


async def test_one_that_is_edited_or_erased_no_longer_speaks_for_the_rest(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "silent"
    told = World([saying(tenant, n, ANN) for n in range(5)])
    first, second, *_ = sorted(range(5), key=lambda n: told.events[n].record_id)
    said = await deliver(database, settings, told.events, random.Random(1))
    told.events.append(saying(tenant, first, CRM, revision=2))
    said += await deliver(database, settings, told.events[-1:], random.Random(2))
    persons = await told_as_stored(database, settings, tenant, told, said)
    assert len(set(persons.values())) == 2
    told.erased = {saying(tenant, second).record_id}
    await database.retried(
        lambda tx: people.erase_records(tx, tenant, told.erased, "asked", settings)
    )
    persons = await told_as_stored(database, settings, tenant, told, said)
    assert len(set(persons.values())) == 2


async def test_what_holds_them_together_turns_into_a_value_of_too_many_and_back(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "many"
    told = World([saying(tenant, n, PHONE, named("Ann")) for n in range(6)])
    said = await deliver(database, settings, told.events, random.Random(1))
    for number, given in enumerate(("Bob", "Cem", "Dora", "Eva")):
        told.events.append(saying(tenant, 20 + number, PHONE, named(given)))
        said += await deliver(database, settings, told.events[-1:], random.Random(number))
        persons = await told_as_stored(database, settings, tenant, told, said)
        assert len(set(persons.values())) == (1 if given == "Eva" else number + 2)
    told.events.append(saying(tenant, 23, PHONE, named("Ann"), revision=2))
    said += await deliver(database, settings, told.events[-1:], random.Random(9))
    persons = await told_as_stored(database, settings, tenant, told, said)
    assert len(set(persons.values())) == 4


async def test_who_is_noted_as_a_holder_need_not_be_who_speaks(
    database: Database, settings: IdentitySettings
) -> None:
    """An earlier record of the profile came while the value linked nobody; then it links again."""
    tenant = "noted"
    numbers = sorted(range(4), key=lambda n: saying(tenant, n).record_id, reverse=True)
    anns = [saying(tenant, n, PHONE, ANN, named("Ann")) for n in numbers]
    others = [saying(tenant, 20 + n, PHONE, named(g)) for n, g in enumerate(("Bob", "Cem", "Dora", "Eva"))]  # fmt: skip
    told, said = World([]), list[Event]()
    last = saying(tenant, 23, PHONE, named("Bob"), revision=2)
    for number, event in enumerate([anns[0], *others, *anns[1:], last]):
        told.events.append(event)
        said += await deliver(database, settings, [event], random.Random(number))
        await told_as_stored(database, settings, tenant, told, said)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
async def test_each_speaks_for_itself_where_people_parted_them(
    database: Database, settings: IdentitySettings, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = f"apart{guarded}"
    told = World([saying(tenant, n, PHONE, named("Ann")) for n in range(6)])
    said = await deliver(database, settings, told.events, random.Random(1))
    ordered = sorted(e.record_id for e in told.events)
    await database.retried(
        lambda tx: people.split(tx, tenant, ordered[0], ordered[3:], "two", "test", settings)
    )
    async with database.transaction() as tx:
        edges = await repository.edges(tx, [(tenant, ordered[0])])
    told.edges = [edge_of(e, ordered) for e in edges]
    if not guarded:
        monkeypatch.setattr(Found, "spoken_of", lambda self: set())
    told.events.append(saying(tenant, 20, PHONE, CRM))
    said += await deliver(database, settings, told.events[-1:], random.Random(2))
    right = await stored(database, tenant) == await expected(database, settings, tenant, told)
    assert right == guarded
    if guarded:
        persons = await told_as_stored(database, settings, tenant, told, said)
        assert len(set(persons.values())) == 3


@pytest.mark.parametrize("seed", range(4))
async def test_a_few_who_say_the_same_again_and_again(
    database: Database, settings: IdentitySettings, seed: int
) -> None:
    """Of eight people sixty records each in a handful of wordings, some of which bring two persons together."""
    tenant, rng = f"again{seed}", random.Random(seed)
    wordings = [
        (Identifier("email", f"p{who}@acme{who % 3}.com"), *more)
        for who in range(8)
        for more in (
            (),
            (Identifier("account", f"acme{who % 3}", "crm"),),
            (Identifier("phone", f"+4915112340{who:03d}"),),
            (Identifier("phone", f"+4915112340{who // 2:03d}"), named(["Ann", "Bob"][who % 2])),
        )
    ]
    told = World([saying(tenant, n, *rng.choice(wordings), came=n * 37 % 101) for n in range(480)])
    told.events += [
        saying(tenant, n, *rng.choice(wordings), revision=2, came=n * 37 % 101)
        for n in rng.sample(range(480), 40)
    ]
    said = await deliver(database, settings, told.events, rng)
    persons = await told_as_stored(database, settings, tenant, told, said)
    assert len(set(persons.values())) > 3


async def test_repetition_changes_no_account(
    database: Database, settings: IdentitySettings
) -> None:
    tenant = "account"
    one, other = (Identifier("account", name, "crm") for name in ("one", "other"))
    told = World([saying(tenant, 0, ANN, one), saying(tenant, 1, ANN, other)])
    said = await deliver(database, settings, told.events, random.Random(1))
    before = set((await stored(database, tenant)).values())
    assert len(before) == 1
    first = min(e.record_id for e in told.events)
    more = [saying(tenant, n, ANN, one if n % 3 else other) for n in range(2, 60)]
    told.events += [e for e in more if e.record_id > first]
    said += await deliver(database, settings, told.events[2:], random.Random(2))
    assert set((await stored(database, tenant)).values()) == before
    assert len(told.events) > 10
    await told_as_stored(database, settings, tenant, told, said)
