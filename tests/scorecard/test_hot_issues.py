"""Hot issues over the real tables: an outbreak opens one, a correction moves it, what is not borne out is withdrawn."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from voc_common import versions
from voc_common.events import (
    Attribution,
    Cause,
    CauseNode,
    Decision,
    FeedbackClassified,
    HotIssueChanged,
    Moved,
    RecordsErased,
    RecordsMoved,
    Revision,
    TaxonomyPublished,
    Tick,
)
from voc_common.fold import fold
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_common.stage import TickAt
from voc_common.wire import decode
from voc_scorecard.handlers import counting, hot_issues, told

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_006_400_000_000 // DAY * DAY
DAYS = 30
CAUSES = ("late", "broken", "rude", "price")


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, "scorecard")
    found = Database(database_url, "scorecard", "worker", pool=3)
    yield found
    await found.close()


def event(tenant: str, number: int, at: int, cause: str, person: str) -> FeedbackClassified:
    version = versions.revision(None, at, str(number).encode())
    return FeedbackClassified(
        tenant=tenant,
        record_id=versions.record_id(b"k" * 32, at, "s", "t", str(number)),
        revision=Revision(
            version, at, at, at, at // DAY, "s", "ticket", segment="smb" if number % 2 else "big"
        ),
        attribution=Attribution(versions.attribution(1, 1), person),
        decision=Decision(versions.decision(1, version, 0, 1), (Cause(cause, 0.9),)),
    )


def history(tenant: str, rng: random.Random) -> list[FeedbackClassified]:
    """Thirty quiet days, then a day on which forty people say that everything is late."""
    events: list[FeedbackClassified] = []
    for day in range(DAYS):
        for _ in range(40):
            at = START + day * DAY + rng.randrange(8 * HOUR, 20 * HOUR)
            events.append(event(tenant, len(events), at, rng.choice(CAUSES), f"p{len(events)}"))
    for n in range(40):
        at = START + (DAYS - 2) * DAY + 10 * HOUR + rng.randrange(6 * HOUR)
        events.append(event(tenant, len(events), at, "late", f"hot{n}"))
    return events


async def count(database: Database, events: list[Any]) -> None:
    for start in range(0, len(events), 500):
        batch = fold(events[start : start + 500])
        await database.retried(lambda tx, b=batch: counting.feedback_classified(tx, b))


async def tick(database: Database, through: int) -> None:
    ticks = [TickAt("voc.feedback.classified", 0, Tick(through=through))]
    await database.retried(lambda tx: told.ticked(tx, ticks))


async def judge(database: Database, partitions: int = 1) -> int:
    """Judge everything that is due; returns how many judgements that took."""
    rounds = 0
    while True:
        found = await database.retried(lambda tx: hot_issues.closed(tx, partitions))
        if found is None:
            return rounds
        alarms = hot_issues.judge(found)
        await database.retried(lambda tx, f=found, a=alarms: hot_issues.conclude(tx, f, a))
        rounds += 1


async def test_a_batch_under_way_while_its_bucket_is_judged_is_judged_too(
    database: Database,
) -> None:
    """It was not to be seen when the bucket was read, and no judgement of the bucket was there that it could mark."""
    tenant = "under-way"
    await count(database, [event(tenant, n, START + n, "late", f"p{n}") for n in range(5)])
    await tick(database, START + HOUR)
    late = event(tenant, 99, START + 99, "late", "p99")
    async with database.transaction() as tx:
        await counting.feedback_classified(tx, [late])
        found = await database.retried(lambda tx: hot_issues.closed(tx, 1))
        assert found is not None
        assert found.watched.tenant == tenant
        concluding = asyncio.create_task(
            database.retried(lambda tx: hot_issues.conclude(tx, found, hot_issues.judge(found)))
        )
        await asyncio.wait({concluding}, timeout=0.3)
        assert not concluding.done(), "it does not wait for the batch"
    await concluding
    async with database.transaction() as tx:
        row = await tx.row("select judged from scorecard.watch where tenant = :t", t=tenant)
    assert row.judged is None, "judged without the batch"
    again = await database.retried(lambda tx: hot_issues.closed(tx, 1))
    assert again is not None
    assert again.counted != found.counted
    await judge(database)
    async with database.transaction() as tx:
        row = await tx.row("select judged from scorecard.watch where tenant = :t", t=tenant)
    assert row.judged is not None


async def issues(database: Database, tenant: str) -> list[Any]:
    async with database.transaction() as tx:
        return list(
            await tx.rows(
                "select issue, version, state, cause, people, detected_at from scorecard.hot_issue "
                "where tenant = :tenant order by detected_at",
                tenant=tenant,
            )
        )


async def said(database: Database, tenant: str) -> list[HotIssueChanged]:
    """What the outbox holds for the backlog."""
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select value from scorecard.outbox where topic = 'voc.hot-issues' order by id"
        )
    events = [decode([("ce_type", b"voc.HotIssueChanged")], r.value) for r in rows]
    return [e for e in events if isinstance(e, HotIssueChanged) and e.tenant == tenant]


@pytest.fixture
async def outbreak(
    database: Database, request: pytest.FixtureRequest
) -> tuple[str, list[FeedbackClassified]]:
    tenant = request.node.name[:40].replace("[", "").replace("]", "")
    events = history(tenant, random.Random(5))
    published = TaxonomyPublished(
        tenant=tenant,
        version=1,
        nodes=tuple(CauseNode(c, c.title(), owner=f"{c}-team") for c in CAUSES),
        published_at=1,
    )
    await database.retried(lambda tx: told.taxonomy_published(tx, [published]))
    await count(database, events)
    await tick(database, START + DAYS * DAY)
    await judge(database)
    return tenant, events


async def test_an_outbreak_opens_one_issue_and_says_so(
    database: Database, outbreak: tuple[str, list[FeedbackClassified]]
) -> None:
    tenant, _ = outbreak
    [found] = await issues(database, tenant)
    assert found.cause == "late"
    assert START + (DAYS - 2) * DAY < found.detected_at < START + (DAYS - 1) * DAY
    assert found.people >= 40
    [told_once] = await said(database, tenant)
    assert (told_once.issue, told_once.version, told_once.cause) == (found.issue, 1, "late")
    assert told_once.evidence["title"] == "Late"


async def test_judging_again_changes_nothing(
    database: Database, outbreak: tuple[str, list[FeedbackClassified]]
) -> None:
    tenant, events = outbreak
    before = await issues(database, tenant)
    await count(database, events)
    async with database.transaction() as tx:
        await tx.run(
            "update scorecard.watch set judged = null where tenant = :tenant", tenant=tenant
        )
    assert await judge(database) >= 1
    assert await issues(database, tenant) == before


async def test_a_merge_moves_the_issue_and_its_undoing_moves_it_back(
    database: Database, outbreak: tuple[str, list[FeedbackClassified]]
) -> None:
    tenant, events = outbreak
    [before] = await issues(database, tenant)
    hot = [e for e in events if e.attribution.person.startswith("hot")]
    for version, person in ((2, "hot0"), (3, "hot1")):
        moved = RecordsMoved(
            tenant=tenant,
            records=(Moved(hot[1].record_id, versions.attribution(1, version), person, ""),),
            decided_at=1,
            reason="merge",
        )
        await database.retried(lambda tx, m=moved: counting.records_moved(tx, [m]))
        await judge(database)
        [now] = await issues(database, tenant)
        assert now.people == before.people - (1 if person == "hot0" else 0)
    assert (now.issue, now.version) == (before.issue, before.version + 2)


async def test_an_issue_that_is_detected_at_another_hour_now_keeps_its_name(
    database: Database, outbreak: tuple[str, list[FeedbackClassified]]
) -> None:
    tenant, events = outbreak
    [before] = await issues(database, tenant)
    hot = sorted(
        (e for e in events if e.attribution.person.startswith("hot")),
        key=lambda e: e.revision.occurred_at,
    )
    first = tuple(e.record_id for e in hot[: len(hot) // 4])
    erased = RecordsErased(tenant=tenant, records=first, decided_at=1, reason="test")
    await database.retried(lambda tx: counting.records_erased(tx, [erased]))
    await judge(database)
    [now] = await issues(database, tenant)
    assert now.detected_at > before.detected_at
    assert (now.issue, now.state == "withdrawn") == (before.issue, False)
    assert now.people < before.people
    assert {i.issue for i in await said(database, tenant)} == {before.issue}


async def test_an_issue_that_the_data_no_longer_bear_out_is_withdrawn(
    database: Database, outbreak: tuple[str, list[FeedbackClassified]]
) -> None:
    tenant, events = outbreak
    hot = tuple(e.record_id for e in events if e.attribution.person.startswith("hot"))
    erased = RecordsErased(tenant=tenant, records=hot, decided_at=1, reason="test")
    await database.retried(lambda tx: counting.records_erased(tx, [erased]))
    await judge(database)
    assert [i.state for i in await issues(database, tenant)] == ["withdrawn"]
    assert (await said(database, tenant))[-1].state == "withdrawn"


async def test_nothing_is_judged_while_a_history_load_is_open(database: Database) -> None:
    tenant = "loading"
    events = history(tenant, random.Random(7))
    opening = TickAt(
        "voc.feedback.classified.bulk", 0, Tick(through=0, tenant=tenant, load="L", opens=True)
    )
    await database.retried(lambda tx: told.ticked(tx, [opening]))
    await count(database, events)
    await tick(database, START + DAYS * DAY)
    await judge(database)
    assert await issues(database, tenant) == []
    closing = TickAt(
        "voc.feedback.classified.bulk",
        0,
        Tick(through=START + DAYS * DAY, since=START, tenant=tenant, load="L"),
    )
    await database.retried(lambda tx: told.ticked(tx, [closing]))
    await judge(database)
    assert [i.cause for i in await issues(database, tenant)] == ["late"]


async def test_a_load_that_closed_before_its_topic_grew_stays_closed(database: Database) -> None:
    tenant, bulk = "grown", "voc.feedback.classified.bulk"
    await count(database, history(tenant, random.Random(8)))
    await tick(database, START + DAYS * DAY)
    begun = Tick(through=0, tenant=tenant, load="L", opens=True)
    end = Tick(through=START + DAYS * DAY, since=START, tenant=tenant, load="L", partitions=2)
    marks = [TickAt(bulk, 0, begun), TickAt(bulk, 0, end), TickAt(bulk, 1, end)]
    for partition in (1, 2):
        live = TickAt("voc.feedback.classified", partition, Tick(through=2**60))
        await database.retried(lambda tx, t=live: told.ticked(tx, [t]))
    await database.retried(lambda tx: told.ticked(tx, marks[:2]))
    await judge(database, 3)
    assert await issues(database, tenant) == [], "one of two partitions is still to come"
    await database.retried(lambda tx: told.ticked(tx, marks))
    await judge(database, 3)
    assert [i.cause for i in await issues(database, tenant)] == ["late"]


async def test_a_tenant_whose_first_record_is_of_the_open_bucket_waits(database: Database) -> None:
    tenant, now = "newcomer", START + (DAYS + 1) * DAY
    await count(database, [event(tenant, 0, now, "late", "p")])
    await tick(database, now)
    await judge(database)
    # The next stretch holds the record, and nothing to tell of.
    await tick(database, now + HOUR)
    assert await judge(database) >= 1
    assert await issues(database, tenant) == []
