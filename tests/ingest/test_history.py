"""Loads and replays: the bulk lane, its ticks, the same bytes again."""

import asyncio
from typing import Any

import pytest
from voc_common.events import Tick
from voc_common.postgres import DatabaseAway
from voc_common.postgres.outbox import relay
from voc_ingest.handlers.loads import close_loads
from voc_ingest.handlers.relay import publish_pending
from voc_ingest.handlers.replays import publish_replays
from voc_ingest.repository import loads


def old(ticket: Any, number: int, day: int) -> dict[str, Any]:
    return ticket(number, f"old {number}", created_at=f"2025-03-{day:02d}T12:00:00Z")


async def begun(tenant: Any, **more: Any) -> str:
    answer = await tenant.client.post("/v1/loads", json={"source": "helpdesk", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["load"]


async def closed(house: Any, tenant: Any, load: str) -> dict[str, Any]:
    """The load once the worker has closed it."""
    async with asyncio.timeout(20):
        while True:
            await close_loads(house.context)
            found = (await tenant.client.get(f"/v1/loads/{load}")).json()
            if found["state"] == "closed":
                return found
            await asyncio.sleep(0.05)


def load_ticks(house: Any, load: str) -> list[tuple[str, int, Tick]]:
    return [
        (topic, partition, event)
        for topic, partition, event, _ in house.heard
        if isinstance(event, Tick) and event.load == load
    ]


async def test_a_load_is_history_on_the_bulk_lane_and_ends_with_its_own_ticks(
    house: Any, ticket: Any
) -> None:
    tenant = await house.tenant()
    load = await begun(tenant)
    items = [old(ticket, n, n + 1) for n in range(20)]
    assert await tenant.statuses(*items, ticket("now"), load=load) == [
        *["accepted"] * 20,
        "rejected",
    ]
    assert await tenant.statuses(*items[:5], load=load) == ["unchanged"] * 5
    answer = await tenant.client.post(f"/v1/loads/{load}/complete")
    assert (answer.status_code, answer.json()["state"]) == (202, "complete")
    found = await closed(house, tenant, load)
    assert (found["accepted"], found["unchanged"], found["unpublished_requests"]) == (20, 5, 0)
    assert (found["since"], found["through"]) == ("2025-03-01T12:00:00Z", "2025-03-20T12:00:00Z")
    await house.hear(lambda: len(load_ticks(house, load)) == 16)
    assert not house.told(tenant.name, "voc.feedback")
    events = house.told(tenant.name, "voc.feedback.bulk")
    assert len(events) == 20
    assert all(e.revision.known_at == e.revision.occurred_at for e in events)
    ticks = load_ticks(house, load)
    assert {(topic, at) for topic, at, _ in ticks} == {
        (f"voc.{kind}.bulk", at) for kind in ("feedback", "activity") for at in range(8)
    }
    assert {(t.tenant, t.since, t.through) for _, _, t in ticks} == {
        (tenant.name, 1_740_830_400_000_000, 1_742_472_000_000_000)
    }
    place = {id(e): n for n, (_, _, e, _) in enumerate(house.heard)}
    by_partition = {at: place[id(t)] for topic, at, t in ticks if topic == "voc.feedback.bulk"}
    for topic, at, event, _ in house.heard:
        if (
            topic == "voc.feedback.bulk"
            and not isinstance(event, Tick)
            and event.tenant == tenant.name
        ):
            assert place[id(event)] < by_partition[at]


async def test_a_load_waits_for_what_is_not_published_yet(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    load = await begun(tenant)
    await tenant.post(old(ticket, 1, 1), load=load)
    async with house.worker.transaction() as tx:
        await tx.run(
            "insert into ingest.pending (tenant, lane, load, receipts, known_at, traceparent) "
            "values (:t, 'bulk', :l, '{1}', 1, '')",
            t=tenant.name,
            l=load,
        )
    await tenant.client.post(f"/v1/loads/{load}/complete")
    while await close_loads(house.context):
        pass
    assert (await tenant.client.get(f"/v1/loads/{load}")).json()["state"] == "complete"
    assert not load_ticks(house, load)
    while await publish_pending(house.context, seconds=0):
        pass
    assert (await closed(house, tenant, load))["state"] == "closed"


async def test_a_load_is_not_complete_while_a_post_to_it_is_being_stored(house: Any) -> None:
    tenant = await house.tenant()
    load = await begun(tenant)

    async def complete() -> None:
        async with house.worker.transaction() as completing:
            await completing.run("set local lock_timeout = '50ms'")
            await loads.complete(completing, tenant.name, load)

    async with house.worker.transaction() as posting:
        assert await loads.open_for_writing(posting, tenant.name, load) is not None
        with pytest.raises(DatabaseAway, match="lock timeout"):
            await complete()
    answer = await tenant.client.post(f"/v1/loads/{load}/complete")
    assert answer.json()["state"] == "complete"


async def test_what_a_load_takes(house: Any, ticket: Any) -> None:
    tenant, other = await house.tenant(), await house.tenant()
    await tenant.client.put("/v1/sources/calls", json={})
    load = await begun(tenant)
    for client, items, ident in (
        (tenant.client, [old(ticket, 1, 1) | {"source": "calls"}], load),
        (tenant.client, [old(ticket, 1, 1)], "0" * 24),
        (other.client, [old(ticket, 1, 1)], load),
    ):
        answer = await client.post(f"/v1/feedback/batch?load={ident}", json={"items": items})
        assert answer.status_code == 409, answer.text
    assert (await other.client.get(f"/v1/loads/{load}")).status_code == 404
    assert (await other.client.post(f"/v1/loads/{load}/complete")).status_code == 404
    unknown = await tenant.client.post("/v1/loads", json={"source": "nowhere"})
    assert unknown.status_code == 422
    await tenant.client.post(f"/v1/loads/{load}/complete")
    late = await tenant.client.post(
        f"/v1/feedback/batch?load={load}", json={"items": [old(ticket, 1, 1)]}
    )
    assert late.status_code == 409
    page = (await tenant.client.get("/v1/loads?limit=1")).json()
    assert [row["load"] for row in page["items"]] == [load]


async def test_a_load_that_is_no_history_is_known_since_its_receipt(
    house: Any, ticket: Any
) -> None:
    tenant = await house.tenant()
    load = await begun(tenant, history=False)
    await tenant.post(ticket(1), load=load)
    await house.hear(lambda: house.told(tenant.name, "voc.feedback.bulk"))
    (event,) = house.told(tenant.name, "voc.feedback.bulk")
    assert event.revision.known_at == event.revision.received_at


async def replayed(house: Any, tenant: Any, **asked: Any) -> dict[str, Any]:
    answer = await tenant.client.post("/v1/replays", json=asked)
    assert answer.status_code == 202, answer.text
    replay = answer.json()["replay"]
    async with asyncio.timeout(20):
        while True:
            await publish_replays(house.context)
            found = (await tenant.client.get(f"/v1/replays/{replay}")).json()
            if found["state"] == "done":
                return found


async def test_a_replay_says_the_same_bytes_again_and_who_the_tenant_is(
    house: Any, ticket: Any
) -> None:
    tenant = await house.tenant()
    await tenant.post(*(ticket(n, f"text {n}") for n in range(40)))
    await tenant.post(ticket(1, "edited"))
    await tenant.post(ticket(1), kind="activity")
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) == 41)
    await house.hear(lambda: len(house.told(tenant.name, "voc.activity")) == 1)
    assert (await replayed(house, tenant))["published"] == 42
    while await relay(house.worker, house.producer):
        pass
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback.bulk")) == 41)
    await house.hear(lambda: len(house.told(tenant.name, "voc.activity.bulk")) == 1)
    await house.hear(lambda: len(house.told(tenant.name, "voc.tenants")) == 2)

    def said(topic: str) -> set[Any]:
        return {
            (m.key, m.partition, m.value, tuple(m.headers))
            for name, _, event, m in house.heard
            if name == topic and not isinstance(event, Tick) and event.tenant == tenant.name
        }

    assert said("voc.feedback") == said("voc.feedback.bulk")
    assert said("voc.activity") == said("voc.activity.bulk")


async def test_a_replay_tells_the_ends_of_history_loads_again(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    load = await begun(tenant)
    await tenant.post(old(ticket, 1, 1), load=load)
    while await publish_pending(house.context, seconds=0):
        pass
    await tenant.client.post(f"/v1/loads/{load}/complete")
    await closed(house, tenant, load)

    def ends() -> list[tuple[int, Tick]]:
        return [
            (m.partition, event)
            for name, _, event, m in house.heard
            if name == "voc.feedback.bulk" and isinstance(event, Tick) and event.load == load
            if not event.opens
        ]

    count = await house.context.producer.partitions("voc.feedback.bulk")
    await house.hear(lambda: len(ends()) == count)
    first = ends()
    assert {end.partitions for _, end in first} == {count}
    await replayed(house, tenant)
    await house.hear(lambda: len(ends()) == 2 * count)
    assert sorted(map(str, ends())) == sorted(map(str, first + first))


async def test_a_replay_of_a_range_or_a_source(house: Any, ticket: Any) -> None:
    tenant, other = await house.tenant(), await house.tenant()
    await tenant.client.put("/v1/sources/calls", json={})
    await tenant.post(*(ticket(n) for n in range(7)))
    await tenant.post(*(ticket(n, source="calls") for n in range(5)))
    await other.post(ticket(1))
    rows = await house.rows(
        "select received_at from ingest.archive where tenant = :t order by 1", t=tenant.name
    )
    assert (await replayed(house, tenant, source="calls"))["published"] == 5
    assert (await replayed(house, tenant))["published"] == 12
    record = (await tenant.post(ticket(3)))["results"][0]["record_id"]
    seen = (await tenant.client.get(f"/v1/records/{record}")).json()["revisions"][0]
    since = seen["received_at"]
    expected = sum(r.received_at >= int(seen["revision"][16:32], 16) for r in rows)
    assert (await replayed(house, tenant, since=since))["published"] == expected
    assert (await replayed(house, tenant, until=since))["published"] == 12 - expected
    assert not house.told(other.name, "voc.feedback.bulk")
    unknown = await tenant.client.post("/v1/replays", json={"source": "nowhere"})
    assert unknown.status_code == 422
    listed = (await tenant.client.get("/v1/replays?limit=2")).json()
    assert len(listed["items"]) == 2
    assert (
        await other.client.get(f"/v1/replays/{listed['items'][0]['replay']}")
    ).status_code == 404


async def test_replays_take_turns(house: Any, ticket: Any) -> None:
    tenants = [await house.tenant() for _ in range(2)]
    replays = []
    for tenant in tenants:
        await tenant.post(ticket(1))
        replays.append((await tenant.client.post("/v1/replays", json={})).json()["replay"])
    for _ in range(4):
        assert await publish_replays(house.context)
    for tenant, replay in zip(tenants, replays, strict=True):
        found = (await tenant.client.get(f"/v1/replays/{replay}")).json()
        assert (found["state"], found["published"]) == ("done", 1)
    assert not await publish_replays(house.context)
