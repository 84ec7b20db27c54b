"""The front door: what is accepted, what is not, and what is said about it."""

import asyncio
import random
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import pytest
from voc_common.events import FeedbackReceived, Revision
from voc_ingest.repository import records


async def test_accepted_is_archived_and_published(house: Any, ticket: Any) -> None:
    tenant = await house.tenant("Europe/Berlin")
    answer = await tenant.post(*(ticket(n, f"text {n}") for n in range(300)))
    assert (answer["accepted"], answer["rejected"]) == (300, 0)
    told = {(r["record_id"], r["revision"]) for r in answer["results"]}
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) >= 300)
    heard = house.told(tenant.name, "voc.feedback")
    assert {(e.record_id, e.revision.version) for e in heard} == told
    rows = await house.rows(
        "select record_id, revision, event from ingest.archive where tenant = :t", t=tenant.name
    )
    assert {(r.record_id, r.revision) for r in rows} == told
    by_id = {e.record_id: e for e in heard}
    for row in rows:
        assert msgspec.json.decode(row.event, type=FeedbackReceived) == by_id[row.record_id]


async def test_a_repeat_changes_nothing_and_a_b_a_is_three(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    assert await tenant.statuses(ticket(1, "A"), ticket(1, "A")) == ["accepted", "unchanged"]
    assert await tenant.statuses(ticket(1, "A")) == ["unchanged"]
    assert await tenant.statuses(ticket(1, "B"), ticket(1, "A"), ticket(1, "A")) == [
        "accepted",
        "accepted",
        "unchanged",
    ]
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) >= 3)
    told = sorted(house.told(tenant.name, "voc.feedback"), key=lambda e: e.revision.version)
    assert [msgspec.json.decode(e.body)["text"] for e in told] == ["A", "B", "A"]
    first = told[0].revision.received_at
    assert [e.revision.first_at for e in told] == [0, first, first]
    listed = (await tenant.client.get("/v1/sources")).json()["items"]
    assert [(s["source"], s["accepted"], s["unchanged"]) for s in listed] == [("helpdesk", 3, 3)]
    assert listed[0]["last_seen"].endswith("Z")


async def test_a_change_is_not_lost_to_a_slow_clock(house: Any, ticket: Any) -> None:
    """Another process whose clock is an hour ahead took the state before."""
    tenant = await house.tenant()
    record = (await tenant.post(ticket(1, "A")))["results"][0]
    ahead = int(record["revision"][16:32], 16) + 3_600_000_000
    moved = record["revision"][:16] + f"{ahead:016x}" + record["revision"][32:]
    async with house.worker.transaction() as tx:
        await tx.run(
            "update ingest.record set revision = :r, received_at = :at where tenant = :t",
            r=moved,
            at=ahead,
            t=tenant.name,
        )
    after = (await tenant.post(ticket(1, "B"), ticket(2, "fine")))["results"]
    assert [r["status"] for r in after] == ["accepted", "accepted"]
    assert after[0]["revision"] > moved
    assert int(after[0]["revision"][16:32], 16) == ahead + 1
    seen = (await tenant.client.get(f"/v1/records/{record['record_id']}")).json()
    assert seen["revision"] == after[0]["revision"]
    assert seen["revisions"][0]["event"]["revision"]["received_at"] == ahead + 1
    stamped = (await tenant.post(ticket(1, "C", updated_at="2025-01-01T00:00:00Z")))["results"][0]
    assert int(stamped["revision"][16:32], 16) == ahead + 2
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) == 4)


async def test_states_out_of_order_are_kept_once_and_the_last_wins(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    first, second, third = (
        ticket(1, f"state {n}", updated_at=f"2025-01-0{n}T00:00:00Z") for n in (1, 2, 3)
    )
    assert await tenant.statuses(third, first) == ["accepted", "accepted"]
    assert await tenant.statuses(first) == ["unchanged"]
    assert await tenant.statuses(second, first, second, third) == [
        "accepted",
        "unchanged",
        "unchanged",
        "unchanged",
    ]
    fresh = [state | {"id": "2"} for state in (first, second, first)]
    assert await tenant.statuses(*fresh) == ["accepted", "accepted", "unchanged"]
    record = (await tenant.post(third))["results"][0]
    seen = (await tenant.client.get(f"/v1/records/{record['record_id']}")).json()
    assert seen["revision"] == record["revision"]
    assert len(seen["revisions"]) == 3


async def test_a_bad_item_does_not_harm_its_neighbours(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    items = [
        ticket(1),
        ticket(2, "x", surprise=1),
        {"source": "helpdesk"},
        ticket(3, source="nowhere"),
        ticket(4, created_at="2025-01-01T00:00:00"),
        ticket(5, "y" * 300_000),
        "no object",
        ticket(6),
    ]
    results = (await tenant.post(*items))["results"]
    assert [r["status"] for r in results] == ["accepted", *["rejected"] * 6, "accepted"]
    assert "surprise" in results[1]["problem"]
    assert "PUT /v1/sources/nowhere" in results[3]["problem"]
    assert "timezone" in results[4]["problem"]
    assert [r.get("code") for r in results[1:7]] == [422, 422, 422, 422, 413, 422]


async def test_a_batch_that_postgres_refuses_takes_none_of_its_neighbours_with_it(
    house: Any, ticket: Any
) -> None:
    """Batches that come at the same time share a transaction; one value that cannot be stored is one batch's."""
    tenant = await house.tenant()
    connection = await asyncpg.connect(house.settings.database_url)
    refusing = f"refuses_{tenant.name.replace('-', '_')}"
    await connection.execute(
        f"alter table ingest.archive add constraint {refusing} check (tenant <> '{tenant.name}' "
        "or position('poison' in encode(event, 'escape')) = 0) not valid"
    )
    try:
        batches = [[ticket(10 * b + n, f"text {b}") for n in range(5)] for b in range(8)]
        batches[3][2] |= {"text": "poison"}
        answers = await asyncio.gather(
            *(tenant.client.post("/v1/feedback/batch", json={"items": batch}) for batch in batches)
        )
    finally:
        await connection.execute(f"alter table ingest.archive drop constraint {refusing}")
        await connection.close()
    assert [a.status_code for a in answers] == [202] * 3 + [422] + [202] * 4
    archived = await house.rows(
        "select count(*) as n from ingest.archive where tenant = :t", t=tenant.name
    )
    assert archived[0].n == 35


async def test_the_same_batches_at_the_same_time_make_one_revision_each(
    house: Any, ticket: Any, second_app: Any
) -> None:
    """Two processes, the same records in other orders: no deadlock, no revision twice."""
    tenant = await house.tenant()
    rng = random.Random(7)
    items = [ticket(n, f"text {n}") for n in range(60)]
    async with second_app(house) as other:
        clients = [
            tenant.client,
            house.client(tenant.name, "feedback:write", application=other),
        ]
        shuffled = [rng.sample(items, 60) for _ in range(12)]
        answers = await asyncio.gather(
            *(
                clients[n % 2].post("/v1/feedback/batch", json={"items": batch})
                for n, batch in enumerate(shuffled)
            )
        )
    assert {a.status_code for a in answers} == {202}
    verdicts = Counter(r["status"] for a in answers for r in a.json()["results"])
    assert verdicts == {"accepted": 60, "unchanged": 660}
    rows = await house.rows(
        "select count(*) as n, count(distinct record_id) as d from ingest.archive where tenant = :t",
        t=tenant.name,
    )
    assert (rows[0].n, rows[0].d) == (60, 60)


async def test_any_order_and_batching_ends_in_the_last_state(house: Any, ticket: Any) -> None:
    """Stamped states, shuffled, repeated, cut into batches, by four senders: each kept once, the last wins."""
    tenant = await house.tenant()
    rng = random.Random(11)
    states = [
        ticket(n, f"record {n} state {s}", updated_at=f"2025-01-{s:02d}T00:00:00Z")
        for n in range(20)
        for s in range(1, 6)
    ]
    told = states + rng.sample(states, 50)
    rng.shuffle(told)
    batches = []
    while told:
        size = rng.randint(1, 25)
        batches.append(told[:size])
        told = told[size:]

    async def send(mine: list[Any]) -> None:
        for batch in mine:
            await tenant.post(*batch)

    await asyncio.gather(*(send(batches[n::4]) for n in range(4)))
    rows = await house.rows(
        "select r.record_id, r.revision, count(*) as n, max(a.revision) as greatest, "
        "count(distinct substr(a.revision, 1, 16)) as stamps from ingest.record r "
        "join ingest.archive a on (a.tenant, a.record_id) = (r.tenant, r.record_id) "
        "where r.tenant = :t group by r.tenant, r.record_id",
        t=tenant.name,
    )
    assert len(rows) == 20
    kept = await house.rows("select event from ingest.archive where tenant = :t", t=tenant.name)
    came: dict[str, list[Revision]] = {}
    for row in kept:
        event = msgspec.json.decode(row.event, type=FeedbackReceived)
        came.setdefault(event.record_id, []).append(event.revision)
    for mine in came.values():
        assert {r.first_received_at for r in mine} == {min(r.received_at for r in mine)}
    last = f"{1_736_035_200_000_000:016x}"
    for row in rows:
        assert (row.n, row.stamps) == (5, 5)
        assert row.revision == row.greatest
        assert row.revision.startswith(last)


async def test_single_posts_at_the_same_time_share_transactions(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    answers = await asyncio.gather(
        *(tenant.client.post("/v1/feedback", json=ticket(n)) for n in range(100))
    )
    assert Counter(a.status_code for a in answers) == {202: 100}
    assert {a.json()["status"] for a in answers} == {"accepted"}
    rows = await house.rows(
        "select count(*) as records, count(distinct xmin::text) as transactions "
        "from ingest.record where tenant = :t",
        t=tenant.name,
    )
    assert rows[0].records == 100
    assert rows[0].transactions < 50
    again = await tenant.client.post("/v1/feedback", json=ticket(1))
    assert again.json()["status"] == "unchanged"


async def test_one_bad_single_does_not_harm_those_beside_it(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    items = [ticket(n) for n in range(10)] + [ticket(11, score={"value": 1})]
    answers = await asyncio.gather(*(tenant.client.post("/v1/feedback", json=i) for i in items))
    assert [a.status_code for a in answers] == [202] * 10 + [422]
    assert answers[-1].headers["content-type"] == "application/problem+json"


async def test_an_activity_is_another_record_than_feedback_of_the_same_name(
    house: Any, ticket: Any
) -> None:
    tenant = await house.tenant()
    feedback = (await tenant.post(ticket(1)))["results"][0]
    activity = (await tenant.post(ticket(1), kind="activity"))["results"][0]
    assert activity["status"] == "accepted"
    assert activity["record_id"] != feedback["record_id"]
    single = await tenant.client.post("/v1/activity", json=ticket(1))
    assert single.json()["status"] == "unchanged"
    await house.hear(lambda: house.told(tenant.name, "voc.activity"))


async def test_redaction_is_the_tenants_choice(house: Any, ticket: Any) -> None:
    for redact, kept in ((True, "[card number]"), (False, "4111 1111 1111 1111")):
        tenant = await house.tenant(redact=redact)
        record = (await tenant.post(ticket(1, "pay 4111 1111 1111 1111 now")))["results"][0]
        seen = (await tenant.client.get(f"/v1/records/{record['record_id']}")).json()
        assert seen["revisions"][0]["event"]["body"]["text"] == f"pay {kept} now"


async def test_a_trace_that_its_sender_sampled_travels_on(house: Any, ticket: Any) -> None:
    tenant = await house.tenant()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    for header, number in ((trace, 1), (trace[:-1] + "0", 2)):
        await tenant.client.post(
            "/v1/feedback", json=ticket(number), headers={"traceparent": header}
        )
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) >= 2)
    found = [
        dict(m.headers).get("traceparent")
        for _, _, _, m in house.heard
        if m.key.startswith(tenant.name.encode()) and m.topic == "voc.feedback"
    ]
    assert sorted(found, key=str) == sorted([None, trace.encode()], key=str)


async def test_who_sends_too_much_is_told_when_to_come_again(house: Any, ticket: Any) -> None:
    tenant = await house.tenant(rate=10)
    quiet = await house.tenant()
    answer = await tenant.client.post(
        "/v1/feedback/batch", json={"items": [ticket(n) for n in range(100)]}
    )
    assert answer.status_code == 202
    answer = await tenant.client.post("/v1/feedback", json=ticket(101))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert await quiet.statuses(ticket(1)) == ["accepted"]


async def test_records_are_taken_to_be_new_until_one_is_not(
    house: Any, ticket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was wrongly assumed leaves nothing behind, and whether known records come decides about the next batch."""
    tenant, looked = await house.tenant(), 0
    take_newer = records.take_newer

    async def counting(*given: Any) -> Any:
        nonlocal looked
        looked += 1
        return await take_newer(*given)

    monkeypatch.setattr(records, "take_newer", counting)
    batches = [
        ([ticket(n) for n in range(5)], 5, False),
        ([ticket(n, "edited") for n in range(3, 8)], 5, True),
        ([ticket(n, "edited") for n in range(4, 9)], 1, True),
        ([ticket(n) for n in range(10, 15)], 5, True),
        ([ticket(n) for n in range(20, 25)], 5, False),
        ([ticket(30), ticket(30), ticket(30, "edited")], 2, True),
        ([ticket(31)], 1, False),
    ]
    for items, accepted, looks in batches:
        before = looked
        assert (await tenant.post(*items))["accepted"] == accepted
        assert (looked > before) is looks
    found = await house.rows(
        "select count(*) as n, count(distinct record_id) as records, count(distinct received_at) as receipts, "
        "(select sum(accepted) from ingest.source_count where tenant = :t) as counted, "
        "(select count(*) from ingest.record where tenant = :t) as known from ingest.archive where tenant = :t",
        t=tenant.name,
    )
    assert tuple(found[0]) == (24, 21, 24, 24, 21)
    await house.hear(lambda: len(house.told(tenant.name, "voc.feedback")) >= 24)
    assert len({e.revision.version for e in house.told(tenant.name, "voc.feedback")}) == 24
