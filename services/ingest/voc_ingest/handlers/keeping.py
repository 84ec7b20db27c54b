"""Keep the archive: months made ahead, what is older than a tenant's policy removed."""

import time

from voc_common.worker import Context

from voc_ingest.domain.months import month_named, month_start
from voc_ingest.repository import keeping, records, rhythm

_DAY = 86_400_000_000
_AT_ONCE = 5000
_EVERY_SECONDS = 3600.0
_OLD_DAYS = 100


async def keep_archive(context: Context) -> bool:
    """One worker every hour: make the months to come, remove what is too old, drop empty months."""
    now = time.time_ns() // 1000
    async with context.database.transaction() as tx:
        if not await rhythm.due(tx, "keep", _EVERY_SECONDS):
            return False
        for ahead in (0, 1, 2):
            await records.ensure_archive(tx, month_start(now, ahead))
        bounded = await keeping.retentions(tx)
    for tenant, days in bounded:
        removed = _AT_ONCE
        while removed == _AT_ONCE:
            async with context.database.transaction() as tx:
                removed = await keeping.remove_before(tx, tenant, now - days * _DAY, _AT_ONCE)
    async with context.database.transaction() as tx:
        for month in await keeping.months(tx):
            since = month_named(month)
            until = month_start(since, 1)
            if until < now - _OLD_DAYS * _DAY and await keeping.empty(tx, since, until):
                await keeping.drop_month(tx, since)
    return False
