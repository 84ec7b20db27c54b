"""What an earlier schema counted still counts after an upgrade; blocks are of 8 days then, eras of 64."""

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from voc_common.events import Attribution, Decision, FeedbackClassified, Revision
from voc_common.postgres import Database
from voc_common.postgres.migrations import migrate
from voc_scorecard.handlers import counting, gathering
from voc_scorecard.repository import watch

_EARLIER = (
    (
        "insert into scorecard.volume (tenant, cell, grain, bucket, shard, records, people, singles) "
        "values ('t', 'all', 2, 20000, 0, 5, 4, 1)"
    ),
    (
        "insert into scorecard.again (tenant, cell, within, grain, bucket, shard, began, ended) values "
        "('t', 'all', 7, 2, 20000, 0, 3, 2), ('t', 'all', 30, 2, 20000, 0, 1, 0), "
        "('t', 'all', 365, 4, 19, -1, 6, 6), ('t', 'all', 365, 2, 20004, 0, 0, 6)"
    ),
    (
        "insert into scorecard.score (tenant, cell, metric, grain, bucket, shard, n, promoters, detractors, singles) "
        "values ('t', 'all', 'nps', 2, 20000, 1, 9, 5, 2, 1), ('t', 'all', 'nps', 3, 625, 1, 9, 5, 2, 1)"
    ),
    (
        "insert into scorecard.replaced (tenant, cell, metric, within, grain, bucket, shard, began_n, began_promoters, "
        "began_detractors, ended_n, ended_promoters, ended_detractors) values "
        "('t', 'all', 'nps', 90, 2, 20000, 1, 4, 3, 1, 2, 1, 0)"
    ),
)


async def test_links_move_beside_what_they_link(database_url: str) -> None:
    await migrate(database_url, "scorecard", revision="0004")
    connection = await asyncpg.connect(database_url)
    for statement in _EARLIER:
        await connection.execute(statement)
    await migrate(database_url, "scorecard")
    volume = [
        tuple(row)
        for row in await connection.fetch(
            "select grain, bucket, shard, records, people, singles, began_7, ended_7, began_30, ended_30, "
            "began_365, ended_365 from scorecard.volume order by grain, bucket"
        )
    ]
    assert volume == [
        (2, 20000, 0, 5, 4, 1, 3, 2, 1, 0, 0, 0),
        (2, 20004, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6),
        (3, 2500, 0, 5, 4, 1, 3, 2, 1, 0, 0, 6),
        (4, 312, 0, 0, 0, 0, 3, 2, 1, 0, 0, 6),
    ]
    score = [
        tuple(row)
        for row in await connection.fetch(
            "select grain, bucket, n, singles, began_90_n, ended_90_promoters from scorecard.score order by grain"
        )
    ]
    assert score == [(2, 20000, 9, 1, 4, 1), (3, 2500, 9, 1, 4, 1), (4, 312, 0, 0, 4, 1)]
    forced = "select relforcerowsecurity from pg_class where oid = 'scorecard.volume'::regclass"
    assert await connection.fetchval(forced)
    await connection.close()


async def test_persons_counted_before_are_known(database_url: str) -> None:
    """Whoever was there earlier on a day is not counted again, also where the state is that of an earlier schema."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop schema if exists scorecard cascade")
    await migrate(database_url, "scorecard", revision="0005")
    await connection.execute(
        "insert into scorecard.record (tenant, record_id, rev_version, occurred_at, known_at, local_day, kind, "
        "stakeholder, dec_version, person) values ('t', 'r1', 'v', 600000000, 600000000, 0, 'ticket', 'customer', "
        "'d', 'p')"
    )
    await connection.execute(
        "insert into scorecard.person values ('t', 'p', '[[[0,2,[\"all\"]]],[],[]]')"
    )
    await migrate(database_url, "scorecard")
    assert await connection.fetchval("select latest is null from scorecard.person")
    told = Revision("v", 1200000000, 1200000000, 1200000000, 0, "desk", "ticket")
    event = FeedbackClassified(
        tenant="t",
        record_id="r2",
        revision=told,
        attribution=Attribution("a", "p"),
        decision=Decision("d"),
    )
    database = Database(database_url, "scorecard", "worker", pool=1)
    await database.retried(lambda tx: counting.feedback_classified(tx, [event]))
    await database.close()
    counted = "select records, people from scorecard.volume where cell = 'all' and grain = 2"
    assert [tuple(row) for row in await connection.fetch(counted)] == [(1, 0)]
    assert not await connection.fetchval("select latest is null from scorecard.person")
    await connection.close()


async def test_pulses_counted_before_add_up_with_those_told_since(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop schema if exists scorecard cascade")
    await migrate(database_url, "scorecard", revision="0007")
    await connection.execute(
        "insert into scorecard.pulse (tenant, cell, bucket, shard, people) values "
        "('t', 'all', 1, 0, 2), ('t', 'all', 1, 3, 3), ('t', 'all', 1, -1, 5)"
    )
    await migrate(database_url, "scorecard")
    event = FeedbackClassified(
        tenant="t",
        record_id="r1",
        revision=Revision("v", 600000000, 600000000, 600000000, 0, "desk", "ticket"),
        attribution=Attribution("a", "p"),
        decision=Decision("d"),
    )
    database = Database(database_url, "scorecard", "worker", pool=1)
    await database.retried(lambda tx: counting.feedback_classified(tx, [event]))
    felt = "select sum(people) from scorecard.pulse where cell = 'all'"
    assert await connection.fetchval(felt) == 10
    for folded in (False, True):
        if folded:
            await gathering.gather(database)
            rows = "select shard, people from scorecard.pulse where cell = 'all'"
            assert [tuple(row) for row in await connection.fetch(rows)] == [(-1, 11)]
        async with database.transaction() as tx:
            found = {cell: people.tolist() for cell, _, people in await watch.pulses(tx, "t", 0, 9)}
            assert found == {"all": [11], "cause:unknown": [1]}
            assert await watch.first_pulse(tx, "t", 0) == 1
            assert await watch.first_pulse(tx, "t", 2) is None
    await database.close()
    await connection.close()
