"""Loads of files: their state and what they have brought."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from voc_common.postgres import Transaction

LoadState = Literal["open", "complete", "closed"]


class LoadRow(Struct, frozen=True):
    """A load; `since` and `through` are the least and greatest `known_at` (us) that it brought, or 0."""

    tenant: str
    load: str
    source: str
    history: bool
    state: LoadState
    accepted: int = 0
    unchanged: int = 0
    since: int = 0
    through: int = 0
    pending: int = 0


async def create(tx: Transaction, row: LoadRow) -> None:
    """Store a new load."""
    await tx.run(
        "insert into ingest.load (tenant, load, source, history) values (:tenant, :load, :source, :history)",
        tenant=row.tenant,
        load=row.load,
        source=row.source,
        history=row.history,
    )


async def open_for_writing(tx: Transaction, tenant: str, load: str) -> LoadRow | None:
    """A load, locked so that it cannot be completed while this transaction adds to it."""
    row = await tx.row(
        "select tenant, load, source, history, state from ingest.load "
        "where tenant = :tenant and load = :load for share",
        tenant=tenant,
        load=load,
    )
    return LoadRow(*row) if row else None


async def find(tx: Transaction, tenant: str, load: str) -> LoadRow | None:
    """A load with its counts."""
    row = await tx.row(
        "select l.tenant, l.load, l.source, l.history, l.state, "
        "coalesce(cast(sum(c.accepted) as bigint), 0), coalesce(cast(sum(c.unchanged) as bigint), 0), "
        "coalesce(min(c.since) filter (where c.accepted > 0), 0), "
        "coalesce(max(c.through) filter (where c.accepted > 0), 0), "
        "(select count(*) from ingest.pending p where p.tenant = l.tenant and p.load = l.load and p.load <> '') "
        "from ingest.load l left join ingest.load_count c on (c.tenant, c.load) = (l.tenant, l.load) "
        "where l.tenant = :tenant and l.load = :load group by l.tenant, l.load",
        tenant=tenant,
        load=load,
    )
    return LoadRow(*row) if row else None


async def complete(tx: Transaction, tenant: str, load: str) -> None:
    """Nothing more comes with this load."""
    await tx.run(
        "update ingest.load set state = 'complete' where tenant = :tenant and load = :load and state = 'open'",
        tenant=tenant,
        load=load,
    )


async def count(
    tx: Transaction,
    tenant: str,
    load: str,
    shard: int,
    accepted: int,
    unchanged: int,
    since: int,
    through: int,
) -> None:
    """Add to a load's counts; sharded so that its requests do not wait for each other."""
    await tx.run(
        "insert into ingest.load_count as c (tenant, load, shard, accepted, unchanged, since, through) "
        "values (:tenant, :load, :shard, :accepted, :unchanged, :since, :through) "
        "on conflict (tenant, load, shard) do update set accepted = c.accepted + excluded.accepted, "
        "unchanged = c.unchanged + excluded.unchanged, since = least(c.since, excluded.since), "
        "through = greatest(c.through, excluded.through)",
        tenant=tenant,
        load=load,
        shard=shard,
        accepted=accepted,
        unchanged=unchanged,
        since=since,
        through=through,
    )


async def take_complete(tx: Transaction) -> tuple[str, str] | None:
    """A complete load of which nothing is pending, locked, that no other worker holds."""
    row = await tx.row(
        "select l.tenant, l.load from ingest.load l where l.state = 'complete' and not exists "
        "(select from ingest.pending p where p.tenant = l.tenant and p.load = l.load and p.load <> '') "
        "order by l.created_at limit 1 for update skip locked"
    )
    return (row.tenant, row.load) if row else None


async def close(tx: Transaction, tenant: str, load: str) -> None:
    """The load's end has been told."""
    await tx.run(
        "update ingest.load set state = 'closed', closed_at = now() where tenant = :tenant and load = :load",
        tenant=tenant,
        load=load,
    )


async def closed(tx: Transaction, tenant: str) -> Sequence[LoadRow]:
    """A tenant's history loads that are closed."""
    rows = await tx.rows(
        "select load from ingest.load where tenant = :tenant and history and state = 'closed' order by load",
        tenant=tenant,
    )
    found = [await find(tx, tenant, r.load) for r in rows]
    return [row for row in found if row is not None]


async def page(tx: Transaction, tenant: str, after: str, limit: int) -> Sequence[str]:
    """Ids of a tenant's loads, newest first, behind the cursor."""
    rows = await tx.rows(
        "select load from ingest.load where tenant = :tenant and (:after = '' or load < :after) "
        "order by load desc limit :limit",
        tenant=tenant,
        after=after,
        limit=limit,
    )
    return [r.load for r in rows]
