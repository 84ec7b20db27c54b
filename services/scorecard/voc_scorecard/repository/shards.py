"""Gathering shards: closed buckets of the counters become one row each, so that reads do not grow by shards."""

from voc_common.postgres import Transaction

from voc_scorecard.domain.ranges import BLOCK, DAY, ERA, FIVE, HOUR
from voc_scorecard.repository import pulses
from voc_scorecard.repository.counters import COLUMNS

GATHERED = -1
"""The shard of gathered rows; workers never count into it."""

_LOCK = 0x766F6373  # "vocs": two workers that gather at once would wait for each other's rows

_CLOSED = {
    False: "bucket < :pulse",
    True: " or ".join(
        f"(grain = {grain} and bucket < :{name})"
        for grain, name in (
            (FIVE, "five"),
            (HOUR, "hour"),
            (DAY, "day"),
            (BLOCK, "block"),
            (ERA, "era"),
        )
    ),
}


def _gather(table: str) -> str:
    keys, counts = COLUMNS[table]
    key = ", ".join(["tenant", *keys, "cell"])
    sums = ", ".join(f"cast(sum({c}) as int)" for c in counts)
    adds = ", ".join(f"{c} = c.{c} + excluded.{c}" for c in counts)
    return (
        # A row that a worker is counting into is left for the next time: nobody waits for anybody.
        f"with loose as materialized (select ctid from scorecard.{table} where shard >= 0 "
        f"and ({_CLOSED['grain' in keys]}) limit :most for update skip locked), "
        f"gone as (delete from scorecard.{table} as c using loose where c.ctid = loose.ctid returning c.*), "
        f"gathered as (insert into scorecard.{table} as c ({key}, shard, {', '.join(counts)}) "
        f"select {key}, {GATHERED}, {sums} from gone group by {key} order by {key} "
        f"on conflict ({key}, shard) do update set {adds}) "
        "select count(*) as rows from gone"
    )


_GATHER = {table: _gather(table) for table in COLUMNS}


async def gather(tx: Transaction, table: str, closed: dict[str, int], most: int) -> int:
    """Add up to `most` rows of closed buckets to the gathered row of their key; returns how many.

    `closed` has the first open bucket of every grain (`five`, `hour`, `day`, `block`, `era`) and of the
    detector (`pulse`). What is counted into a closed bucket later lies beside its gathered row until then.
    """
    if not await _alone(tx):
        return 0
    grained = "grain" in COLUMNS[table][0]
    given = {name: at for name, at in closed.items() if (name != "pulse") == grained}
    row = await tx.row(_GATHER[table], most=most, **given)
    return row.rows if row else 0


async def fold(tx: Transaction, most: int) -> int:
    """Fold up to `most` of the rows that batches told of pulses into the gathered rows; returns how many."""
    return await pulses.fold(tx, GATHERED, most) if await _alone(tx) else 0


async def _alone(tx: Transaction) -> bool:
    return bool(await tx.rows(f"select 1 where pg_try_advisory_xact_lock({_LOCK})"))
