"""What the worker does: pending requests, ticks, erasure, the archive's months."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from voc_common import bus
from voc_common.events import RecordsErased, Tick
from voc_common.postgres import DataError
from voc_common.postgres.database import DatabaseAway
from voc_common.postgres.dead_letters import bury, dead_letter
from voc_ingest.domain.months import month_start
from voc_ingest.handlers.bulk import publish_bulk
from voc_ingest.handlers.erasure import records_erased
from voc_ingest.handlers.keeping import keep_archive
from voc_ingest.handlers.relay import publish_pending
from voc_ingest.handlers.ticks import tick, ticking
from voc_ingest.repository import records, rhythm

DAY = 86_400_000_000


async def pending(house: Any, tenant: str) -> int:
    rows = await house.rows("select count(*) as n from ingest.pending where tenant = :t", t=tenant)
    return rows[0].n


async def test_while_the_bus_is_away_items_are_accepted_and_published_later(
    house: Any, ticket: Any, second_app: Any
) -> None:
    tenant = await house.tenant()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    async with second_app(house, VOC_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as lonely:
        client = house.client(tenant.name, "feedback:write", application=lonely)
        for n in range(5):
            began = time.monotonic()
            answer = await client.post(
                "/v1/feedback/batch",
                json={"items": [ticket(f"{n}.{i}") for i in range(20)]},
                headers={"traceparent": trace},
            )
            assert answer.status_code == 202
            assert answer.json()["accepted"] == 20
            assert time.monotonic() - began < 5
        assert (await client.get("/readyz")).status_code == 200
    assert await pending(house, tenant.name) == 5
    assert not house.told(tenant.name, "voc.feedback")
    while await publish_pending(house.context, seconds=0):
        pass
    assert await pending(house, tenant.name) == 0
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) == 100)
    found = [m for _, _, _, m in house.heard if m.key.startswith(f"{tenant.name}/".encode())]
    assert {dict(m.headers)["traceparent"] for m in found} == {trace.encode()}
    straight = await house.rows("select event from ingest.archive where tenant = :t", t=tenant.name)
    assert {m.value for m in found} == {r.event for r in straight}


async def test_the_api_forgets_what_the_bus_has_acknowledged(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    for n in range(5):
        await tenant.post(ticket(n))
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) == 5)
    async with asyncio.timeout(10):
        while await pending(house, tenant.name):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_two_relays_never_take_the_same_request(
    house: Any, ticket: Any, second_app: Any
) -> None:
    tenant = await house.tenant()
    async with second_app(house, VOC_UNSENT_BYTES="0") as silent:
        client = house.client(tenant.name, "feedback:write", application=silent)
        for n in range(60):
            await client.post("/v1/feedback", json=ticket(n))
    assert await pending(house, tenant.name) == 60

    async def drain() -> None:
        while await publish_pending(house.context, seconds=0):
            pass

    await asyncio.gather(drain(), drain(), drain())
    assert await pending(house, tenant.name) == 0
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) >= 60)
    assert len(house.told(tenant.name, "voc.feedback")) == 60


async def test_a_tick_tells_the_least_that_is_pending_and_else_now(house: Any) -> None:
    tenant = await house.tenant()

    async def ticked() -> list[Tick]:
        async with house.worker.transaction() as tx:
            await tx.run("update ingest.rhythm set due_at = '-infinity'")
        before = len(house.heard)
        # Three workers at once: one of them has the turn.
        await asyncio.gather(*(tick(house.context, seconds=60) for _ in range(3)))
        await house.hear(
            lambda: sum(isinstance(e, Tick) for _, _, e, _ in house.heard[before:]) >= 16
        )
        found = [
            (topic, at, e)
            for topic, at, e, _ in house.heard[before:]
            if isinstance(e, Tick) and not e.load
        ]
        assert {(topic, at) for topic, at, _ in found} == {
            (topic, at) for topic in ("voc.feedback", "voc.activity") for at in range(8)
        }
        assert len(found) == 16
        return [e for _, _, e in found]

    insert = (
        "insert into ingest.pending (tenant, lane, load, receipts, known_at, traceparent) "
        "values (:t, :lane, '', '{1}', :known, '')"
    )
    async with house.worker.transaction() as tx:
        await tx.run(insert, t=tenant.name, lane="live", known=12345)
        await tx.run(insert, t=tenant.name, lane="bulk", known=1)
    assert {e.through for e in await ticked()} == {12345}
    async with house.worker.transaction() as tx:
        await tx.run("delete from ingest.pending")
    now = time.time_ns() // 1000
    (through,) = {e.through for e in await ticked()}
    assert now <= through <= time.time_ns() // 1000


async def test_one_worker_at_a_time_has_the_turn(house: Any) -> None:
    async def turn(seconds: float) -> bool:
        async with house.worker.transaction() as tx:
            return await rhythm.due(tx, "tick", seconds)

    async with house.worker.transaction() as tx:
        await tx.run("update ingest.rhythm set due_at = '-infinity'")
    assert sorted(await asyncio.gather(*(turn(60) for _ in range(4)))) == [False] * 3 + [True]
    assert not await turn(60)
    async with house.worker.transaction() as tx:
        await tx.run("update ingest.rhythm set due_at = now()")
    assert await turn(60)


async def test_the_turn_is_asked_for_when_it_can_be_somebodys(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, due = 0, rhythm.due

    async def counting(*given: Any) -> bool:
        nonlocal asked
        asked += 1
        return await due(*given)

    monkeypatch.setattr(rhythm, "due", counting)
    async with house.worker.transaction() as tx:
        await tx.run("update ingest.rhythm set due_at = now() + interval '0.3 s'")
    first, second = ticking(60), ticking(60)
    for job in (first, first, second):
        assert not await job(house.context)
    assert asked == 2
    await asyncio.sleep(0.4)
    for job in (first, second, first, second):
        assert not await job(house.context)
    assert asked == 4
    async with house.worker.transaction() as tx:
        assert 50 < await rhythm.until(tx, "tick") <= 60


async def test_loads_are_closed_and_replays_told_in_one_round(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    assert not await publish_bulk(house.context)
    await tenant.post(ticket(1))
    load = (await tenant.client.post("/v1/loads", json={"source": "helpdesk"})).json()["load"]
    await tenant.client.post(f"/v1/loads/{load}/complete")
    replay = (await tenant.client.post("/v1/replays", json={})).json()["replay"]
    while await publish_bulk(house.context):
        pass
    assert (await tenant.client.get(f"/v1/loads/{load}")).json()["state"] == "closed"
    assert (await tenant.client.get(f"/v1/replays/{replay}")).json()["state"] == "done"


async def erased(house: Any, tenant: str, *ids: str) -> None:
    event = RecordsErased(tenant=tenant, records=ids, decided_at=1, reason="asked")

    async def use(tx: Any) -> Any:
        return await records_erased(tx, [event, event])

    await house.worker.retried(use)


async def test_an_erased_record_is_gone_for_good(house: Any, ticket: Any) -> None:
    tenant, other = await house.tenant(), await house.tenant()
    kept, gone = [r["record_id"] for r in (await tenant.post(ticket(1), ticket(2)))["results"]]
    await tenant.post(ticket(2, "edited"))
    elsewhere = (await other.post(ticket(2)))["results"][0]["record_id"]
    await erased(house, tenant.name, gone)
    await erased(house, tenant.name, gone)
    rows = await house.rows("select record_id from ingest.archive where tenant = :t", t=tenant.name)
    assert {r.record_id for r in rows} == {kept}
    answer = await tenant.post(ticket(2), ticket(2, "again"), ticket(1, "fine"))
    assert [r["status"] for r in answer["results"]] == ["erased", "erased", "accepted"]
    single = await tenant.client.post("/v1/feedback", json=ticket(2))
    assert single.status_code == 410
    seen = (await tenant.client.get(f"/v1/records/{gone}")).json()
    assert (seen["erased"], seen["revision"], seen["revisions"]) == (True, None, [])
    assert (await other.client.get(f"/v1/records/{elsewhere}")).json()["erased"] is False
    assert (await other.client.get(f"/v1/records/{gone}")).status_code == 404


async def test_an_erasure_may_come_before_the_record(house: Any, ticket: Any) -> None:
    """A restored archive, or a record that another region told: its id is known all the same."""
    tenant = await house.tenant()
    twin = (await tenant.post(ticket(1)))["results"][0]["record_id"]
    async with house.worker.transaction() as tx:
        await tx.run("delete from ingest.record where tenant = :t", t=tenant.name)
        await tx.run("delete from ingest.archive where tenant = :t", t=tenant.name)
    await erased(house, tenant.name, twin)
    assert await tenant.statuses(ticket(1)) == ["erased"]


async def test_posts_and_an_erasure_at_once_leave_nothing(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    items = [ticket(n) for n in range(30)]
    ids = [r["record_id"] for r in (await tenant.post(*items))["results"]]
    edits = [tenant.post(*(ticket(n, f"edit {round_}") for n in range(30))) for round_ in range(8)]
    await asyncio.gather(*edits[:4], erased(house, tenant.name, *ids), *edits[4:])
    rows = await house.rows(
        "select count(*) as n from ingest.archive where tenant = :t", t=tenant.name
    )
    assert rows[0].n == 0
    rows = await house.rows(
        "select bool_and(erased and revision = '') as empty from ingest.record where tenant = :t",
        t=tenant.name,
    )
    assert rows[0].empty


async def months(house: Any) -> set[str]:
    rows = await house.rows(
        "select right(c.relname, 6) as month from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where i.inhparent = to_regclass('ingest.archive')"
    )
    return {r.month for r in rows}


async def test_the_archive_keeps_as_long_as_the_tenant_says(house: Any, ticket: Any) -> None:
    bounded, unbounded = await house.tenant(retention_days=30), await house.tenant()
    now = time.time_ns() // 1000
    old = month_start(now, -6) + 5 * DAY
    for tenant in (bounded, unbounded):
        await tenant.post(ticket(1), ticket(2))
    async with house.worker.transaction() as tx:
        await records.ensure_archive(tx, old)
        await records.ensure_archive(tx, month_start(old, 1))
        await tx.run(
            "update ingest.archive set received_at = :old where tenant in (:a, :b) and record_id in "
            "(select min(record_id) from ingest.archive where tenant in (:a, :b) group by tenant)",
            old=old,
            a=bounded.name,
            b=unbounded.name,
        )
        await tx.run("update ingest.rhythm set due_at = '-infinity'")
    before = await months(house)
    await keep_archive(house.context)
    rows = await house.rows(
        "select tenant, count(*) as n from ingest.archive where tenant in (:a, :b) group by 1",
        a=bounded.name,
        b=unbounded.name,
    )
    assert {r.tenant: r.n for r in rows} == {bounded.name: 1, unbounded.name: 2}
    after = await months(house)
    # The month that still holds a revision stays; the empty one behind it goes.
    dropped = time.strftime("%Y%m", time.gmtime(month_start(old, 1) // 1_000_000))
    assert before - after == {dropped}
    ahead = {
        time.strftime("%Y%m", time.gmtime(month_start(now, n) // 1_000_000)) for n in (0, 1, 2)
    }
    assert ahead <= after


async def test_only_the_worker_may_drop_months_and_none_of_the_last(house: Any) -> None:
    now = time.time_ns() // 1000
    database = house.app.state.voc.database
    with pytest.raises(DatabaseAway, match="not allowed"):
        async with database.transaction() as tx:
            await tx.rows("select ingest.drop_archive(:at)", at=month_start(now, -12))
    with pytest.raises(DatabaseAway, match="not allowed"):
        async with house.worker.transaction() as tx:
            await tx.rows("select ingest.drop_archive(:at)", at=now)
    with pytest.raises(DataError, match="so far from now"):
        async with database.transaction() as tx:
            await records.ensure_archive(tx, now + 4000 * DAY)


async def test_dead_letters_are_listed_page_by_page_and_replayed(house: Any) -> None:
    tenant, other = await house.tenant(), await house.tenant()
    messages = [
        bus.Message("voc.people", 0, n, b"k", b"{broken %d" % n, [("ce_type", b"voc.Nonsense")])
        for n in range(5)
    ]
    async with house.worker.transaction() as tx:
        for owner in (tenant, other):
            letters = [
                dead_letter(msgspec.structs.replace(m, key=owner.name.encode()), owner.name, "why")
                for m in messages
            ]
            assert await bury(tx, "ingest", letters) == 5
            assert await bury(tx, "ingest", letters) == 0
    found: list[str] = []
    cursor = ""
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await tenant.client.get("/v1/dead-letters", params=query)).json()
        found += [item["id"] for item in page["items"]]
        if not page["next"]:
            break
        cursor = page["next"]
    assert len(found) == len(set(found)) == 5
    mine = await tenant.client.post("/v1/dead-letters/replay", json={"ids": found})
    assert mine.json() == {"replayed": 5}
    foreign = await other.client.post("/v1/dead-letters/replay", json={"ids": found})
    assert foreign.json() == {"replayed": 0}
