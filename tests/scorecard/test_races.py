"""Two workers at one record or one person: whoever comes second waits, and counts what is there then."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from voc_common.events import Attribution, Cause, Decision, FeedbackClassified, Revision, Score
from voc_common.postgres import Database
from voc_scorecard.domain.latest import Latest
from voc_scorecard.handlers import counting

DAY = 20_000
AT = DAY * 86_400_000_000


def told(tenant: str, record: str, person: str, minute: int) -> FeedbackClassified:
    at = AT + minute * 60_000_000
    score = Score(9, 0, 10, "NPS", question="q")
    return FeedbackClassified(
        tenant=tenant,
        record_id=record,
        revision=Revision("v", at, at, at, DAY, "desk", "ticket", channel="email", score=score),
        attribution=Attribution("a", person),
        decision=Decision("d", (Cause(f"c{minute}", 0.9),)),
    )


async def beside(
    database: Database, first: Sequence[FeedbackClassified], second: Sequence[FeedbackClassified]
) -> None:
    """Count the first, and before that is committed begin with the second."""
    async with database.transaction() as tx:
        await counting.feedback_classified(tx, first)
        other = asyncio.create_task(
            database.retried(lambda tx: counting.feedback_classified(tx, second))
        )
        await asyncio.sleep(0.3)
        assert not other.done()
    await other


async def counted(database: Database, tenant: str) -> tuple[int, int]:
    """Records and people of the day."""
    async with database.transaction() as tx:
        row: Any = await tx.row(
            "select sum(records) as records, sum(people) as people from scorecard.volume "
            "where tenant = :tenant and cell = 'all' and grain = 2",
            tenant=tenant,
        )
    return row.records, row.people


async def causes(database: Database, tenant: str, person: str) -> set[str]:
    """The causes in which a person is known to have been."""
    async with database.transaction() as tx:
        row: Any = await tx.row(
            "select latest from scorecard.person where tenant = :tenant and person = :person",
            tenant=tenant,
            person=person,
        )
    latest = msgspec.msgpack.decode(row.latest, type=Latest)
    return {c for group in latest.seen for c in group.cells if c.startswith("cause:")}


async def test_a_record_that_two_make_is_counted_once(database: Database) -> None:
    batch = [told("same-record", "r1", "p", 1)]
    await beside(database, batch, [*batch, told("same-record", "r2", "q", 2)])
    assert await counted(database, "same-record") == (2, 2)


async def test_a_person_that_two_make_is_counted_once(database: Database) -> None:
    tenant = "same-person"
    second = [told(tenant, "r2", "p", 2), told(tenant, "r3", "q", 3), told(tenant, "r4", "q", 4)]
    await beside(database, [told(tenant, "r1", "p", 1)], second)
    assert await counted(database, tenant) == (4, 2)
    assert await causes(database, tenant, "p") == {"cause:c1", "cause:c2"}
    assert await causes(database, tenant, "q") == {"cause:c3", "cause:c4"}


async def test_a_row_is_written_where_it_lies_after_the_wait(database: Database) -> None:
    tenant = "known-person"
    await database.retried(
        lambda tx: counting.feedback_classified(tx, [told(tenant, "r1", "p", 1)])
    )
    await beside(database, [told(tenant, "r2", "p", 2)], [told(tenant, "r3", "p", 3)])
    assert await counted(database, tenant) == (3, 1)
    assert await causes(database, tenant, "p") == {"cause:c1", "cause:c2", "cause:c3"}
