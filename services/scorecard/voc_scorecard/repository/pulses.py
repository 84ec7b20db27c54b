"""Pulses: people in a cell and bucket of the detector, told by a row a batch and bucket, and folded soon after.

A batch counts in hundreds of cells of a bucket or two: a row that holds all of them is written for a tenth of what
it costs to count each cell up, and no worker waits for another.
"""

from voc_common.postgres import Transaction
from voc_common.postgres.arrays import numbers, texts
from voc_common.postgres.keys import NAMES

from voc_scorecard.domain.contributions import Moved

TELL = (
    "insert into scorecard.pulse_told (tenant, bucket, cells, people) "
    f"select tenant, bucket, {NAMES}, cast(people as int[]) from unnest("
    "cast(:pulse_tenants as text[]), cast(:pulse_buckets as int[]), cast(:pulse_names as text[]), "
    "cast(:pulse_people as text[])) as x(tenant, bucket, names, people)"
)
"""Stores what a batch counted; its parameters are made by `telling`."""

FELT = (
    "(select tenant, cell, bucket, people from scorecard.pulse union all "
    "select t.tenant, c.cell, t.bucket, c.people from scorecard.pulse_told as t "
    "cross join lateral unnest(t.cells, t.people) as c(cell, people)) as felt"
)
"""All that was counted, folded or not: to be summed by cell and bucket."""

_FOLD = (
    "with told as materialized (select ctid from scorecard.pulse_told limit :most for update skip locked), "
    "gone as (delete from scorecard.pulse_told as t using told where t.ctid = told.ctid returning t.*), "
    "folded as (insert into scorecard.pulse as p (tenant, bucket, cell, shard, people) "
    "select g.tenant, g.bucket, c.cell, :shard, cast(sum(c.people) as int) from gone as g "
    "cross join lateral unnest(g.cells, g.people) as c(cell, people) group by 1, 2, 3 "
    "on conflict (tenant, bucket, cell, shard) do update set people = p.people + excluded.people) "
    "select count(*) as rows from gone"
)


def telling(moved: Moved) -> dict[str, list[str] | list[int]]:
    """The parameters of `TELL`."""
    ordered = sorted(moved)
    counts = [moved[key]["people"] for key in ordered]
    cells = [[cell for cell, count in each.items() if count] for each in counts]
    return {
        "pulse_tenants": [tenant for tenant, _ in ordered],
        "pulse_buckets": [bucket for _, bucket in ordered],
        "pulse_names": [texts(names) for names in cells],
        "pulse_people": [
            numbers([each[cell] for cell in names])
            for each, names in zip(counts, cells, strict=True)
        ],
    }


async def fold(tx: Transaction, shard: int, most: int) -> int:
    """Add up to `most` rows that batches told to the counts of a shard that nobody else counts into; how many."""
    row = await tx.row(_FOLD, shard=shard, most=most)
    return row.rows if row else 0
