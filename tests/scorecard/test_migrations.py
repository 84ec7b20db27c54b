"""Counters of an earlier schema are still counted after an upgrade."""

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from voc_common.postgres.migrations import migrate

_EARLIER = (
    (
        "insert into scorecard.volume (tenant, cell, grain, bucket, shard, records, people, singles) "
        "values ('t', 'all', 2, 20000, 0, 5, 4, 1)"
    ),
    (
        "insert into scorecard.again (tenant, cell, within, grain, bucket, shard, began, ended) values "
        "('t', 'all', 7, 2, 20000, 0, 3, 2), ('t', 'all', 30, 2, 20000, 0, 1, 0), "
        "('t', 'all', 365, 4, 19, -1, 6, 6)"
    ),
    (
        "insert into scorecard.score (tenant, cell, metric, grain, bucket, shard, n, promoters, detractors, singles) "
        "values ('t', 'all', 'nps', 3, 625, 1, 9, 5, 2, 1)"
    ),
    (
        "insert into scorecard.replaced (tenant, cell, metric, within, grain, bucket, shard, began_n, began_promoters, "
        "began_detractors, ended_n, ended_promoters, ended_detractors) values "
        "('t', 'all', 'nps', 90, 3, 625, 1, 4, 3, 1, 2, 1, 0)"
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
            "began_365, ended_365 from scorecard.volume order by grain"
        )
    ]
    assert volume == [
        (2, 20000, 0, 5, 4, 1, 3, 2, 1, 0, 0, 0),
        (4, 19, -1, 0, 0, 0, 0, 0, 0, 0, 6, 6),
    ]
    [score] = await connection.fetch("select * from scorecard.score")
    assert (score["n"], score["singles"], score["began_90_n"], score["ended_90_promoters"]) == (
        9,
        1,
        4,
        1,
    )
    forced = "select relforcerowsecurity from pg_class where oid = 'scorecard.volume'::regclass"
    assert await connection.fetchval(forced)
    await connection.close()
