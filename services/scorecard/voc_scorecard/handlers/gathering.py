"""Gather the shards of what is closed, and what batches told of pulses, a little at a time."""

import time

from voc_common.postgres import Database, Transaction

from voc_scorecard.domain.facts import WATCH_BUCKET
from voc_scorecard.domain.ranges import DAY_US, DAYS_PER_BLOCK, HOUR_US, five
from voc_scorecard.repository import shards
from voc_scorecard.repository.counters import COLUMNS

MOST = 2000
"""Rows of a table that one transaction gathers."""

TOLD = 200
"""Rows of pulses that one transaction folds: each holds hundreds of cells."""
_LATEST = 26 * HOUR_US
"""After so long hardly anything is told of a moment any more."""


def closed_before(now: int) -> dict[str, int]:
    """The first open bucket of every grain at a moment (UTC microseconds)."""
    until = now - _LATEST
    # The last zone ends a local day twelve hours after UTC does.
    day = (until - 12 * HOUR_US) // DAY_US
    return {
        "five": five(until),
        "hour": until // HOUR_US,
        "day": day,
        "block": day // DAYS_PER_BLOCK,
        "era": day // DAYS_PER_BLOCK**2,
        "pulse": until // WATCH_BUCKET,
    }


async def gather(database: Database, now: int | None = None) -> bool:
    """Gather some of every table; True if there is more."""
    closed = closed_before(time.time_ns() // 1000 if now is None else now)
    more = await database.retried(lambda tx: shards.fold(tx, TOLD)) == TOLD
    for table in COLUMNS:

        async def use(tx: Transaction, table: str = table) -> int:
            return await shards.gather(tx, table, closed, MOST)

        more |= await database.retried(use) == MOST
    return more
