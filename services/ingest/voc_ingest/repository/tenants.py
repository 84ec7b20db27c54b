"""Tenants and their sources."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.postgres import Transaction

from voc_ingest.domain.tenants import SourceSettings, TenantSettings


class TenantRow(Struct, frozen=True):
    """A tenant as stored; `secret` keys its record ids, `has_records` fixes its zone."""

    tenant: str
    settings: TenantSettings
    version: int
    secret: bytes
    has_records: bool


class SourceRow(Struct, frozen=True):
    """A source as stored, with what has come from it; `last_seen` in UTC microseconds, 0 for never."""

    source: str
    settings: SourceSettings
    version: int
    accepted: int
    unchanged: int
    last_seen: int


def _tenant(row: Any) -> TenantRow:
    settings = TenantSettings(row.zone, row.currency, tuple(row.blocked), _decoded(row.settings))
    return TenantRow(row.tenant, settings, row.version, row.secret, row.has_records)


def _decoded(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


async def tenant(tx: Transaction, name: str, *, lock: bool = False) -> TenantRow | None:
    """A tenant's row, locked against other changes where asked."""
    row = await tx.row(
        "select tenant, zone, currency, blocked, cast(settings as text) as settings, version, secret, has_records "
        f"from ingest.tenant where tenant = :tenant {'for update' if lock else ''}",
        tenant=name,
    )
    return _tenant(row) if row else None


async def tenants(tx: Transaction, names: Sequence[str]) -> Sequence[TenantRow]:
    """Several tenants' rows, for the worker."""
    rows = await tx.rows(
        "select tenant, zone, currency, blocked, cast(settings as text) as settings, version, secret, has_records "
        "from ingest.tenant where tenant = any(cast(:names as text[]))",
        names=list(names),
    )
    return [_tenant(r) for r in rows]


async def put_tenant(
    tx: Transaction, name: str, settings: TenantSettings, version: int, secret: bytes
) -> bool:
    """Store a tenant; `secret` is taken only when it is new. False if another made it meanwhile."""
    changed = await tx.run(
        "insert into ingest.tenant as t (tenant, zone, currency, blocked, settings, version, secret) "
        "values (:tenant, :zone, :currency, cast(:blocked as text[]), cast(:settings as jsonb), :version, :secret) "
        "on conflict (tenant) do update set zone = excluded.zone, currency = excluded.currency, "
        "blocked = excluded.blocked, settings = excluded.settings, version = excluded.version, changed_at = now() "
        "where t.version = excluded.version - 1",
        tenant=name,
        zone=settings.zone,
        currency=settings.currency,
        blocked=list(settings.blocked),
        settings=msgspec.json.encode(settings.settings).decode(),
        version=version,
        secret=secret,
    )
    return changed == 1


async def fix_zone(tx: Transaction, name: str, version: int) -> bool:
    """Mark that the tenant has records from now on; False if its settings have changed since `version`."""
    changed = await tx.run(
        "update ingest.tenant set has_records = true where tenant = :tenant and version = :version",
        tenant=name,
        version=version,
    )
    return changed == 1


async def sources(tx: Transaction, name: str) -> Mapping[str, SourceSettings]:
    """The settings of all sources of a tenant."""
    rows = await tx.rows(
        "select source, cast(settings as text) as settings from ingest.source where tenant = :tenant",
        tenant=name,
    )
    return {r.source: msgspec.json.decode(r.settings, type=SourceSettings) for r in rows}


async def source_rows(
    tx: Transaction, name: str, *, after: str = "", limit: int = 1, only: str | None = None
) -> Sequence[SourceRow]:
    """Sources by name behind `after`, or the one named `only`, with their counts."""
    rows = await tx.rows(
        "select s.source, cast(s.settings as text) as settings, s.version, "
        "coalesce(cast(sum(c.accepted) as bigint), 0) as accepted, "
        "coalesce(cast(sum(c.unchanged) as bigint), 0) as unchanged, coalesce(max(c.last_seen), 0) as last_seen "
        "from ingest.source s left join ingest.source_count c on (c.tenant, c.source) = (s.tenant, s.source) "
        "where s.tenant = :tenant and s.source > :after and (cast(:only as text) is null or s.source = :only) "
        "group by s.tenant, s.source order by s.source limit :limit",
        tenant=name,
        after=after,
        only=only,
        limit=limit,
    )
    return [
        SourceRow(
            r.source,
            msgspec.json.decode(r.settings, type=SourceSettings),
            r.version,
            r.accepted,
            r.unchanged,
            r.last_seen,
        )
        for r in rows
    ]


async def put_source(tx: Transaction, name: str, source: str, settings: SourceSettings) -> None:
    """Store a source; its version counts changes."""
    await tx.run(
        "insert into ingest.source as s (tenant, source, settings, version) "
        "values (:tenant, :source, cast(:settings as jsonb), 1) "
        "on conflict (tenant, source) do update set settings = excluded.settings, version = s.version + 1, "
        "changed_at = now() where s.settings is distinct from excluded.settings",
        tenant=name,
        source=source,
        settings=msgspec.json.encode(settings).decode(),
    )


async def delete_source(tx: Transaction, name: str, source: str) -> bool:
    """Forget a source's settings; what came from it stays."""
    gone = await tx.run(
        "delete from ingest.source where tenant = :tenant and source = :source",
        tenant=name,
        source=source,
    )
    return gone == 1


async def count_source(
    tx: Transaction,
    name: str,
    accepted: Mapping[str, int],
    unchanged: Mapping[str, int],
    seen: int,
    shard: int,
) -> None:
    """Add what came from each source; sharded so that requests do not wait for each other."""
    ordered = sorted(accepted.keys() | unchanged.keys())
    await tx.run(
        "insert into ingest.source_count as c (tenant, source, shard, accepted, unchanged, last_seen) "
        "select :tenant, x.source, :shard, x.accepted, x.unchanged, :seen from unnest(cast(:sources as text[]), "
        "cast(:accepted as bigint[]), cast(:unchanged as bigint[])) as x(source, accepted, unchanged) "
        "on conflict (tenant, source, shard) do update set accepted = c.accepted + excluded.accepted, "
        "unchanged = c.unchanged + excluded.unchanged, last_seen = greatest(c.last_seen, excluded.last_seen)",
        tenant=name,
        shard=shard,
        seen=seen,
        sources=ordered,
        accepted=[accepted.get(s, 0) for s in ordered],
        unchanged=[unchanged.get(s, 0) for s in ordered],
    )


async def ever_seen(tx: Transaction, name: str, source: str) -> bool:
    """True if something was ever accepted from a source, configured now or not."""
    row = await tx.row(
        "select 1 from ingest.source_count where tenant = :tenant and source = :source and accepted > 0 limit 1",
        tenant=name,
        source=source,
    )
    return row is not None
