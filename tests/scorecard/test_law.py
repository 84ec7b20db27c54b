"""The law: any permutation, duplication and interleaving of the log ends in the same rows and numbers."""

import asyncio
import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from voc_common.events import (
    ActivityIdentified,
    FeedbackClassified,
    RecordsErased,
    RecordsMoved,
    TenantConfigured,
)
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_scorecard.handlers import counting, gathering, reading, told
from voc_scorecard.repository import groups, records
from voc_scorecard.repository.counters import COLUMNS
from voc_scorecard.repository.pulses import FELT

from . import company
from .company import BEGIN, DAYS, Company, micros, of_tenant, random_company

AFTER = micros(BEGIN + timedelta(days=DAYS + 3))
"""When all of the companies' time is closed."""

HANDLERS: dict[type[Any], Any] = {
    FeedbackClassified: counting.feedback_classified,
    ActivityIdentified: counting.activity_identified,
    RecordsMoved: counting.records_moved,
    RecordsErased: counting.records_erased,
}

TABLES = {
    "record": "record_id, erased, rev_version, occurred_at, known_at, local_day, source, kind, stakeholder, "
    "channel, product, segment, team, suspect, cast(score as text), coalesce(mrr, -1), coalesce(currency, ''), "
    "att_version, person, account, dec_version, cast(causes as text), stage, severity, sentiment, model, taxonomy",
    "person": "person, latest",
    **{
        table: ", ".join(["cell", *keys, *(f"sum({count})" for count in counts)])
        for table, (keys, counts) in COLUMNS.items()
    },
}
KEYS = {table: 1 + len(keys) for table, (keys, _) in COLUMNS.items()}


async def run(database: Database, log: list[Any], r: random.Random, workers: int) -> None:
    """Handle a log in batches of one type each, by so many workers at once."""
    waiting: dict[type[Any], list[Any]] = defaultdict(list)
    batches: list[list[Any]] = []
    for event in log:
        group = waiting[type(event)]
        group.append(event)
        if r.random() < 0.1:
            batches.append(group.copy())
            group.clear()
    batches += [group for group in waiting.values() if group]
    todo = iter(batches)

    async def work(shard: int) -> None:
        for batch in todo:
            folded = fold(batch)
            handler = HANDLERS[type(batch[0])]
            await database.retried(lambda tx, h=handler, f=folded: h(tx, f), shard=shard % 2)

    await asyncio.gather(*(work(n) for n in range(workers)))


async def rows(database: Database, tenant: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a tenant that the law speaks of: sums over shards, without zero rows."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.transaction() as tx:
        for table, columns in TABLES.items():
            keys = KEYS.get(table)
            grouped = f" group by {','.join(columns.split(',')[:keys])}" if keys else ""
            read = FELT if table == "pulse" else f"scorecard.{table}"
            got: Any = await tx.rows(
                f"select {columns} from {read} where tenant = :tenant{grouped}",
                tenant=tenant,
            )
            if table == "person":
                empty: list[Any] = [[], [], []]
                said = [
                    (g.person, msgspec.msgpack.decode(g.latest) if g.latest else empty) for g in got
                ]
                got = [(p, latest if latest != empty else None) for p, latest in said]
            found[table] = sorted(
                (tuple(g) for g in got if table == "record" or any(g[keys or 1 :])), key=repr
            )
    return found


def people_first(seed: int) -> bool:
    """Whether all that is said of people arrives before the records themselves."""
    return seed % 4 == 0


def disordered(made: Company, r: random.Random) -> list[Any]:
    """The log in any order, a third of it twice; what is said of people is first where it is so made."""
    log: list[Any] = []
    for part in (made.log[: made.early], made.log[made.early :]):
        told = part + r.sample(part, len(part) // 3)
        r.shuffle(told)
        log += told
    return log


async def gather_shards(database: Database) -> None:
    """Gather the shards of the company's time, which is long closed, again and again."""
    while True:
        await gathering.gather(database, AFTER)
        await asyncio.sleep(0)


async def violated(database: Database, seed: int, *, workers: int = 4) -> list[str]:
    """Tables that differ between a disordered run by many workers and what must come out."""
    r = random.Random(seed)
    made = random_company(seed, f"d{seed}-{r.getrandbits(40):x}", merges_first=people_first(seed))
    log = disordered(made, r)
    early = made.early + made.early // 3
    gathering_meanwhile = asyncio.create_task(gather_shards(database))
    try:
        await run(database, log[:early], r, workers)
        await run(database, log[early:], r, workers)
    finally:
        gathering_meanwhile.cancel()
        await asyncio.gather(gathering_meanwhile, return_exceptions=True)
    straight = made.tenant + "-straight"
    await run(database, [of_tenant(e, straight) for e in made.log], r, 1)
    one, other = await rows(database, made.tenant), await rows(database, straight)
    wrong = [table for table in TABLES if one[table] != other[table]]
    found = company.items(made)
    sizes = {0: 300, 1: 3600, 2: 0}
    counted = {
        (cell, sizes[grain], bucket): (records, people, singles)
        for cell, grain, bucket, records, people, singles, *_ in one["volume"]
        if grain in sizes
    }
    wrong += ["volume by definition"] if counted != company.volume(found) else []
    wrong += await wrong_windows(database, made, found, r)
    felt = {(cell, bucket): people for cell, bucket, people in one["pulse"]}
    wrong += ["pulse by definition"] if felt != company.pulse(found) else []
    return wrong


async def wrong_windows(
    database: Database, made: Company, found: list[company.Item], r: random.Random
) -> list[str]:
    """Trailing windows whose people or scores are not what their definition says."""
    settings = TenantConfigured(tenant=made.tenant, version=1, zone="Europe/Berlin")
    await database.retried(lambda tx: told.tenant_configured(tx, [settings]))
    wrong: list[str] = []
    begin = company.local_day(company.micros(company.BEGIN))
    for _ in range(6):
        last, days = begin + r.randrange(-1, 60), r.choice((7, 30, 90, 365))
        by, stakeholder = (
            r.choice(("cause", "segment", "channel")),
            r.choice(("customer", "partner")),
        )
        async with database.transaction(snapshot=True) as tx:
            asked = reading.Asked(by, days, stakeholder, last, 0)
            card = await reading.scorecard(
                tx, made.tenant, asked, company.micros(company.BEGIN), []
            )
        people = company.people_in_days(found, last, days)
        scores = company.nps_in_days(found, last, days)
        before = company.people_in_days(found, last - days, days)
        for cell in (card.whole, *card.cells):
            assert cell.now is not None
            assert cell.before is not None
            got = (cell.now.people, cell.before.people)
            if got != (people.get(cell.cell, 0), before.get(cell.cell, 0)):
                wrong.append(f"people of {cell.cell} in {days} days to {last}")
            shown = {
                (cell.cell, one.metric): (
                    one.nps.n,
                    one.nps.promoters,
                    one.nps.detractors,
                    one.singles,
                )
                for one, _ in cell.scores
                if one.nps.n
            }
            if shown != {key: value for key, value in scores.items() if key[0] == cell.cell}:
                wrong.append(f"scores of {cell.cell} in {days} days to {last}")
        there = {c for c in people if c.startswith(company_prefix(stakeholder) + by)}
        if not there <= {cell.cell for cell in card.cells}:
            wrong.append("cells missing")
    return wrong


def company_prefix(stakeholder: str) -> str:
    return "" if stakeholder == "customer" else stakeholder + "/"


SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_order_any_workers(database: Database, seed: int) -> None:
    assert await violated(database, seed) == []


async def test_shards_are_gathered_and_nothing_else_changes(database: Database) -> None:
    made = random_company(77, "gathered")
    await run(database, made.log, random.Random(77), 4)
    before = await rows(database, made.tenant)
    closed = gathering.closed_before(AFTER)
    while await gathering.gather(database, AFTER):
        pass
    assert await rows(database, made.tenant) == before
    async with database.transaction() as tx:
        assert not await tx.rows("select 1 from scorecard.pulse_told")
        for table in KEYS:
            at = "bucket" if table == "pulse" else "case grain when 2 then bucket end"
            limit = closed["pulse" if table == "pulse" else "day"]
            found = await tx.rows(
                f"select shard, count(*) as n from scorecard.{table} where tenant = :t and {at} < :limit group by shard",
                t=made.tenant,
                limit=limit,
            )
            assert [f.shard for f in found] == [-1], table
    # What is told of a closed day later counts beside what was gathered, and is gathered with it.
    await run(database, disordered(made, random.Random(78)), random.Random(78), 4)
    while await gathering.gather(database, AFTER):
        pass
    assert await rows(database, made.tenant) == before


def test_the_logs_are_as_hard_as_promised() -> None:
    shares: dict[str, int] = defaultdict(int)
    for seed in SEEDS:
        for name, count in random_company(seed, "t").shares.items():
            shares[name] += count
    total = len(SEEDS) * 150
    assert shares["moved"] >= 0.3 * total
    assert shares["edited"] >= 0.1 * total
    assert shares["corrected"] >= 0.1 * total
    assert shares["erased"] >= 0.05 * total
    assert sum(people_first(seed) for seed in SEEDS) >= len(SEEDS) / 5


async def any_violation(database: Database, seeds: range) -> bool:
    for seed in seeds:
        if await violated(database, seed):
            return True
    return False


async def test_red_without_the_group_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = groups.LOCK.replace(" for no key update", "")
    assert unlocked != groups.LOCK
    monkeypatch.setattr(groups, "LOCK", unlocked)
    assert await any_violation(database, range(100, 110))


async def test_red_without_the_version_test(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "JOIN", records.join_sql(newer="excluded.{version} <> ''"))
    assert await any_violation(database, range(110, 115))


async def test_red_without_the_erased_guard(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "JOIN", records.join_sql(alive="true"))
    assert await any_violation(database, range(120, 125))
