"""The law at taxonomy: parts joined in any order, corrections that outrank the model, erasure for good."""

import asyncio
import random
from collections.abc import AsyncIterator

import msgspec
import pytest
from voc_common import versions
from voc_common.events import (
    Attribution,
    Body,
    Decision,
    FeedbackClassified,
    FeedbackIdentified,
    Moved,
    RecordsErased,
    RecordsMoved,
    Revision,
    TenantConfigured,
)
from voc_common.fold import fold
from voc_common.postgres import Database, Transaction
from voc_common.postgres.migrations import migrate
from voc_taxonomy.handlers import catalogue, corrections, records
from voc_taxonomy.handlers.models import Models
from voc_taxonomy.repository import records as repository

TEXTS = [
    "I was charged twice for the same invoice this month",
    "I cannot log in any more, my password is refused",
    "The mobile app crashes every time I open it",
    "",
]
WORKERS = 4


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "taxonomy")
    found = Database(database_url, "taxonomy", "worker", pool=WORKERS + 1)
    yield found
    await found.close()


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(4)


def record(number: int) -> str:
    return versions.record_id(b"k" * 32, 1_700_000_000_000_000, "s", "t", str(number))


def identified(
    tenant: str, number: int, revision: int, whose: int, text: str
) -> FeedbackIdentified:
    at = 1_700_000_000_000_000
    version = versions.revision(revision, at + revision, f"{number}/{revision}".encode())
    return FeedbackIdentified(
        tenant=tenant,
        record_id=record(number),
        revision=Revision(version, at, at, at, 19675, "s", "ticket", channel=f"r{revision}"),
        attribution=Attribution(versions.attribution(1, whose), f"p{whose}"),
        body=msgspec.Raw(msgspec.json.encode(Body(text=text))),
    )


def moved(tenant: str, number: int, whose: int) -> RecordsMoved:
    version = versions.attribution(1, whose)
    return RecordsMoved(
        tenant=tenant,
        records=(Moved(record(number), version, f"p{whose}", ""),),
        decided_at=1,
        reason="test",
    )


def log_of(
    tenant: str, rng: random.Random, size: int
) -> list[FeedbackIdentified | RecordsMoved | RecordsErased]:
    """Records that are edited, move person, and are erased."""
    log: list[FeedbackIdentified | RecordsMoved | RecordsErased] = []
    for number in range(size):
        log.append(identified(tenant, number, 1, 1, rng.choice(TEXTS)))
        if rng.random() < 0.3:
            log.append(identified(tenant, number, 2, rng.choice([1, 2]), rng.choice(TEXTS)))
        if rng.random() < 0.45:
            log.append(moved(tenant, number, 3))
        if rng.random() < 0.12:
            log.append(
                RecordsErased(tenant=tenant, records=(record(number),), decided_at=1, reason="test")
            )
    return log


async def deliver(
    database: Database, models: Models, log: list[object], rng: random.Random
) -> dict[str, FeedbackClassified]:
    """Shuffled, a fifth twice, by four workers; returns the greatest event of each record."""
    told = log + rng.sample(log, len(log) // 5)
    rng.shuffle(told)
    batches: list[list[object]] = []
    while told:
        size = rng.choice([1, 4, 20])
        batches.append(told[:size])
        told = told[size:]
    queue = iter(batches)
    out: list[FeedbackClassified] = []

    async def work() -> None:
        for batch in queue:
            for kind, handler in (
                (FeedbackIdentified, records.feedback_identified),
                (RecordsMoved, records.records_moved),
                (RecordsErased, records.records_erased),
            ):
                mine = fold(e for e in batch if isinstance(e, kind))
                if mine:
                    out.extend(
                        await database.retried(lambda tx, h=handler, m=mine: h(tx, m, models))
                    )

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return {e.record_id: e for e in fold(out)}


async def stored(database: Database, tenant: str) -> dict[str, tuple[object, ...]]:
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select record_id, rev_version, text, att_version, dec_version, erased from taxonomy.record "
            "where tenant = :tenant",
            tenant=tenant,
        )
    return {r.record_id: tuple(r)[1:] for r in rows}


def wanted(log: list[object]) -> dict[str, tuple[object, ...]]:
    """What must stand, from the greatest parts: revision, text, attribution, and whether it is erased."""
    found: dict[str, list[object]] = {}
    for e in log:
        if isinstance(e, FeedbackIdentified):
            row = found.setdefault(e.record_id, ["", "", "", False])
            if e.revision.version > str(row[0]):
                row[0], row[1] = e.revision.version, msgspec.json.decode(e.body, type=Body).text
            row[2] = max(str(row[2]), e.attribution.version)
        elif isinstance(e, RecordsMoved):
            for m in e.records:
                row = found.setdefault(m.record_id, ["", "", "", False])
                row[2] = max(str(row[2]), m.version)
    for e in log:
        if isinstance(e, RecordsErased):
            for r in e.records:
                found[r] = ["", "", "", True]
    return {r: tuple(v) for r, v in found.items()}


SEEDS = range(6)
SIZE = 60
CORRECTED = 9


def people_first(seed: int) -> bool:
    """Whether all that is said of people arrives before the records themselves."""
    return seed % 3 == 0


async def differs(database: Database, models: Models, tenant: str, seed: int) -> bool:
    """Told in any order, some corrected, then told on and again: whether something else stands than must."""
    rng = random.Random(seed)
    log: list[object] = list(log_of(tenant, rng, SIZE))
    if people_first(seed):
        of_people = [e for e in log if not isinstance(e, FeedbackIdentified)]
        await deliver(database, models, of_people, rng)
    await configured(database, models, tenant)
    await deliver(database, models, rng.sample(log, len(log) * 4 // 5), rng)
    said: dict[str, tuple[object, list[str]]] = {}
    standing = {r: v for r, v in (await stored(database, tenant)).items() if v[3]}
    for one in rng.sample(sorted(standing), CORRECTED):
        causes = rng.sample(["login-failure", "wrong-charge", "mobile-crash"], rng.randrange(3))
        said[one] = (standing[one][1], causes)
        await database.retried(
            lambda tx, r=one, c=causes: corrections.correct(tx, tenant, r, c, "", "ann", models)
        )
    await deliver(database, models, log, rng)
    rows = await stored(database, tenant)
    there = {r: (v[0], v[1], v[2], v[4]) for r, v in rows.items()}
    aligned = all(v[3] == "" or str(v[3])[4:52] == v[0] for v in rows.values())
    decided = await decisions(database, tenant)
    human = {r: c for r, (text, c) in said.items() if r in decided and text == rows[r][1]}
    kept = {r: [c.id for c in d.causes] for r, d in decided.items() if d.human}
    return there != wanted(log) or not aligned or kept != human


async def decisions(database: Database, tenant: str) -> dict[str, Decision]:
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select record_id, decision from taxonomy.record where tenant = :tenant and not erased "
            "and decision <> ''",
            tenant=tenant,
        )
    return {r.record_id: msgspec.msgpack.decode(r.decision, type=Decision) for r in rows}


def test_the_logs_are_as_hard_as_promised() -> None:
    revisions: list[set[tuple[str, str]]] = []
    whose: list[set[str]] = []
    erased: list[set[str]] = []
    for seed in SEEDS:
        log = log_of("t", random.Random(seed), SIZE)
        revisions.append(
            {(e.record_id, e.revision.version) for e in log if isinstance(e, FeedbackIdentified)}
        )
        whose.append({m.record_id for e in log if isinstance(e, RecordsMoved) for m in e.records})
        erased.append({r for e in log if isinstance(e, RecordsErased) for r in e.records})
    assert min(map(len, whose)) >= 0.3 * SIZE
    assert min(map(len, revisions)) - SIZE >= 0.1 * SIZE
    assert min(map(len, erased)) >= 0.05 * SIZE
    assert CORRECTED >= 0.1 * SIZE
    assert sum(map(people_first, SEEDS)) >= len(SEEDS) / 5


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_order_ends_in_the_greatest_parts(
    database: Database, models: Models, seed: int
) -> None:
    assert not await differs(database, models, f"law{seed}", seed)


@pytest.mark.parametrize("guard", ["revision", "attribution", "decision", "erased"])
async def test_without_a_guard_the_rows_are_wrong(
    database: Database, models: Models, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if guard == "erased":
        monkeypatch.setattr(repository, "ERASED_GUARD", "true")
    else:
        monkeypatch.setitem(repository.NEWER, guard, "true")
    for seed in range(8):
        try:
            red = await differs(database, models, f"without-{guard}-{seed}", seed)
        except Exception:
            red = True
        if red:
            return
    pytest.fail(f"eight runs without the {guard} guard were all right")


async def configured(database: Database, models: Models, tenant: str) -> None:
    event = TenantConfigured(tenant=tenant, version=1)
    await database.retried(lambda tx: catalogue.tenant_configured(tx, [event], models))


async def test_a_correction_outranks_the_model_and_survives_an_edit_of_all_but_the_text(
    database: Database, models: Models
) -> None:
    tenant = "corrected"
    await configured(database, models, tenant)
    first = identified(tenant, 1, 1, 1, TEXTS[0])
    [before] = await database.retried(lambda tx: records.feedback_identified(tx, [first], models))
    assert [c.id for c in before.decision.causes] == ["wrong-charge"]
    said = await database.retried(
        lambda tx: corrections.correct(tx, tenant, record(1), ["login-failure"], "", "ann", models)
    )
    assert said.human
    assert said.version > before.decision.version
    [again] = await database.retried(lambda tx: records.feedback_identified(tx, [first], models))
    assert [c.id for c in again.decision.causes] == ["login-failure"]
    same = identified(tenant, 1, 2, 1, TEXTS[0])
    [edited] = await database.retried(lambda tx: records.feedback_identified(tx, [same], models))
    assert [c.id for c in edited.decision.causes] == ["login-failure"]
    assert edited.decision.version > said.version
    other = identified(tenant, 1, 3, 1, TEXTS[2])
    [rewritten] = await database.retried(
        lambda tx: records.feedback_identified(tx, [other], models)
    )
    assert not rewritten.decision.human
    assert [c.id for c in rewritten.decision.causes] == ["mobile-crash"]


async def test_a_record_that_is_told_anew_is_still_corrected(
    database: Database, models: Models
) -> None:
    """Corrections are kept when the records are emptied for a rebuild."""
    tenant = "rebuilt"
    await configured(database, models, tenant)
    log = [identified(tenant, number, 1, 1, TEXTS[0]) for number in range(3)]

    async def told(tx: Transaction) -> dict[str, list[str]]:
        found = await records.feedback_identified(tx, fold(log), models)
        return {
            e.record_id: [c.id for c in e.decision.causes]
            for e in found
            if isinstance(e, FeedbackClassified)
        }

    model = await database.retried(told)
    one = sorted(model)[1]
    await database.retried(
        lambda tx: corrections.correct(tx, tenant, one, ["login-failure"], "", "ann", models)
    )

    async def emptied(tx: Transaction) -> None:
        await tx.run("delete from taxonomy.record where tenant = :tenant", tenant=tenant)

    await database.retried(emptied)
    assert await database.retried(told) == model | {one: ["login-failure"]}


async def test_a_record_that_is_made_meanwhile_is_joined(
    database: Database, models: Models
) -> None:
    """Two workers that both see no record: the second waits, and begins anew when the first has made it."""
    tenant = "meanwhile"
    older, newer = identified(tenant, 1, 1, 2, TEXTS[0]), identified(tenant, 1, 2, 1, TEXTS[1])
    async with database.transaction() as tx:
        await records.feedback_identified(tx, [older], models)
        later = asyncio.create_task(
            database.retried(lambda tx: records.feedback_identified(tx, [newer], models))
        )
        await waits(tx)
    [event] = await later
    assert event.revision == newer.revision
    assert event.attribution == older.attribution


@pytest.mark.parametrize("kind", [RecordsMoved, RecordsErased])
async def test_rows_that_are_there_are_locked_before_others_are_made(
    database: Database, models: Models, kind: type[RecordsMoved | RecordsErased]
) -> None:
    """Whoever made the record first, and waited for that which is there, would wait for ever."""
    tenant = f"order-{kind.__name__}"
    there, other = sorted([record(1), record(2)])[::-1]
    numbers = {record(number): number for number in (1, 2)}
    first = identified(tenant, numbers[there], 1, 1, TEXTS[0])
    await database.retried(lambda tx: records.feedback_identified(tx, [first], models))
    revised = identified(tenant, numbers[there], 2, 1, TEXTS[1])
    arriving = identified(tenant, numbers[other], 1, 1, TEXTS[1])
    if kind is RecordsMoved:
        whose = moved(tenant, 1, 3).records + moved(tenant, 2, 3).records
        event = RecordsMoved(tenant=tenant, records=whose, decided_at=1, reason="test")
        handler = records.records_moved
    else:
        event = RecordsErased(
            tenant=tenant, records=(record(1), record(2)), decided_at=1, reason="test"
        )
        handler = records.records_erased
    async with database.transaction() as tx:
        await records.feedback_identified(tx, [revised], models)
        async with database.transaction() as other_tx:
            of_people = asyncio.create_task(handler(other_tx, [event], models))
            await waits(tx)
            await records.feedback_identified(tx, [arriving], models)
            await tx.run("commit; begin")
            await of_people
    rows = await stored(database, tenant)
    assert len({(row[2], row[4]) for row in rows.values()}) == 1


async def waits(tx: Transaction) -> None:
    """Until somebody waits for this transaction."""
    for _ in range(500):
        found = await tx.row(
            "select exists (select from pg_locks where not granted and transactionid = "
            "(select transactionid from pg_locks where pid = pg_backend_pid() and locktype = 'transactionid')) as waits"
        )
        if found.waits:
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits")


async def test_a_text_without_words_is_unknown(database: Database, models: Models) -> None:
    [event] = await database.retried(
        lambda tx: records.feedback_identified(tx, [identified("silent", 1, 1, 1, "")], models)
    )
    assert event.decision.causes == ()


async def test_publishing_makes_the_next_version_and_the_former_stays(
    database: Database, models: Models
) -> None:
    tenant = "publishing"
    await configured(database, models, tenant)
    async with database.transaction(tenant) as tx:
        _, starter = await catalogue.read(tx, tenant, None)
        nodes = tuple(
            msgspec.structs.replace(n, name="Charged twice") if n.id == "wrong-charge" else n
            for n in starter.nodes
        )
        changes = await catalogue.put_draft(
            tx, tenant, msgspec.structs.replace(starter, nodes=nodes), "ann"
        )
        published = await catalogue.publish(tx, tenant, "bob")
    assert changes.renamed == ("wrong-charge",)
    assert published.version == starter.version + 1
    async with database.transaction(tenant) as tx:
        _, former = await catalogue.read(tx, tenant, starter.version)
        _, newest = await catalogue.read(tx, tenant, None)
    assert former.by_id["wrong-charge"].name != "Charged twice"
    assert newest.by_id["wrong-charge"].name == "Charged twice"
