"""As of a moment: what was read then, whatever has come since."""

import random
from typing import Any

import pytest
from voc_common.events import RecordsErased, TenantConfigured
from voc_common.postgres import Database
from voc_scorecard.handlers import as_of, counting, drilling, reading, told
from voc_scorecard.repository import tables

from . import company
from .company import random_company
from .test_law import disordered, rows, run

BEGIN = company.local_day(company.micros(company.BEGIN))


async def moment(database: Database) -> int:
    async with database.transaction() as tx:
        row = await tx.row(
            "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as at"
        )
    assert row is not None
    return row.at


async def numbers(database: Database, tenant: str, at: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    low, high = company.micros(company.BEGIN), company.micros(company.BEGIN) + 60 * company.DAY
    async with database.transaction(snapshot=True) as tx:
        for by, days, last in (("cause", 30, 50), ("segment", 7, 20), ("channel", 90, 70)):
            asked = reading.Asked(by, days, "customer", BEGIN + last, at)
            card = await reading.scorecard(tx, tenant, asked, high, [])
            cells = [card.whole, *sorted(card.cells, key=lambda c: c.cell)]
            shown = [c for c in cells if c.now and (c.now.records or c.scores)]
            found[f"{by} {days} {last}"] = (shown, card.late, card.suspect)
        for grain in ("day", "hour", "whole"):
            found[grain] = await reading.volume_series(tx, tenant, "all", grain, low, high, at)
        found["score"] = await reading.score_series(
            tx, tenant, "all", "nps:q:a:transactional", 30, low, low + 20 * company.DAY, at
        )
        for cell in (
            "all",
            "cause:late",
            "cause:unknown|segment:smb",
            "late",
            "activity:subscription",
        ):
            wanted = drilling.Drill(cell, low, high, at)
            listed = await drilling.records(tx, tenant, wanted, (0, ""), 1000)
            found["records of " + cell] = [(*drilling.place(one), one.person) for one in listed]
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_what_was_read_then(database: Database, seed: int) -> None:
    r = random.Random(seed)
    made = random_company(seed, f"asof{seed}-{r.getrandbits(40):x}")
    settings = TenantConfigured(tenant=made.tenant, version=1, zone="Europe/Berlin")
    await database.retried(lambda tx: told.tenant_configured(tx, [settings]))
    log = [e for e in disordered(made, r) if not isinstance(e, RecordsErased)]
    third = len(log) // 3
    moments: list[tuple[int, dict[str, Any]]] = []
    for part in (log[:third], log[third : 2 * third], log[2 * third :]):
        await run(database, part, r, 4)
        moments.append((await moment(database), await numbers(database, made.tenant, 0)))
    for at, then in moments:
        now = await numbers(database, made.tenant, at)
        for name, value in then.items():
            assert now[name] == value, name
    assert moments[0][1] != moments[-1][1]


async def test_an_erased_record_is_not_brought_back(database: Database) -> None:
    r = random.Random(77)
    made = random_company(77, f"asof-{r.getrandbits(40):x}")
    told_of = [e for e in made.log if not isinstance(e, RecordsErased)]
    await run(database, told_of, r, 1)
    at = await moment(database)
    whole = await numbers(database, made.tenant, 0)
    gone = RecordsErased(
        tenant=made.tenant, records=tuple(sorted(made.greatest)[:40]), decided_at=1, reason="asked"
    )
    await database.retried(lambda tx: counting.records_erased(tx, [gone]))
    after = await numbers(database, made.tenant, 0)
    assert after != whole
    assert await numbers(database, made.tenant, at) == after
    async with database.transaction() as tx:
        left = await tx.rows(
            "select old, new from scorecard.journal where tenant = :tenant and record_id = any(:gone)",
            tenant=made.tenant,
            gone=list(gone.records),
        )
    assert left
    assert all(row.old is None and row.new is None for row in left)


async def test_no_further_back_than_a_rebuild(database: Database) -> None:
    r = random.Random(5)
    made = random_company(5, f"rebuilt-{r.getrandbits(40):x}")
    await run(database, made.log, r, 2)
    before = await rows(database, made.tenant)
    at = await moment(database)
    await database.retried(tables.empty_derived)
    emptied = await rows(database, made.tenant)
    assert {row[1] for row in emptied["record"]} == {True}
    assert not any(found for table, found in emptied.items() if table != "record")
    await run(database, disordered(made, r), r, 4)
    assert await rows(database, made.tenant) == before
    async with database.transaction(snapshot=True) as tx:
        with pytest.raises(as_of.TooFarBack, match="counted anew"):
            await as_of.taken_back(tx, made.tenant, at)
