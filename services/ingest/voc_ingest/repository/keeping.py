"""How long the archive keeps: months made ahead, old revisions removed, empty months dropped."""

from collections.abc import Sequence
from typing import Any

from voc_common.postgres import Transaction


async def retentions(tx: Transaction) -> Sequence[tuple[str, int]]:
    """Tenants whose archive is bounded, and to how many days."""
    rows = await tx.rows(
        "select tenant, cast(settings ->> 'retention_days' as int) as days from ingest.tenant "
        "where cast(settings ->> 'retention_days' as int) > 0 order by tenant"
    )
    return [(r.tenant, r.days) for r in rows]


async def remove_before(tx: Transaction, tenant: str, before: int, limit: int) -> int:
    """Remove revisions received before a time (us), at most `limit`; returns how many."""
    return await tx.run(
        "with old as (select received_at, record_id from ingest.archive "
        "where tenant = :tenant and received_at < :before order by received_at limit :limit) "
        "delete from ingest.archive a using old where a.tenant = :tenant and a.received_at = old.received_at "
        "and a.record_id = old.record_id and a.received_at < :before",
        tenant=tenant,
        before=before,
        limit=limit,
    )


async def months(tx: Transaction) -> Sequence[str]:
    """The months that have a partition, as YYYYMM."""
    rows = await tx.rows(
        "select right(c.relname, 6) as month from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where i.inhparent = to_regclass('ingest.archive') order by 1"
    )
    return [r.month for r in rows]


async def empty(tx: Transaction, since: int, until: int) -> bool:
    """True if the archive holds nothing received in [`since`, `until`)."""
    row: Any = await tx.row(
        "select exists (select from ingest.archive where received_at >= :since and received_at < :until) as some",
        since=since,
        until=until,
    )
    return not row.some


async def drop_month(tx: Transaction, at: int) -> None:
    """Drop the partition of the month of a time (us); the database refuses the last two months."""
    await tx.rows("select ingest.drop_archive(:at)", at=at)
