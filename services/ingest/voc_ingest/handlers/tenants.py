"""Configure tenants and sources."""

import secrets
from typing import Any

from voc_common.events import TenantConfigured
from voc_common.postgres import Database

from voc_ingest.domain.tenants import SourceSettings, TenantSettings
from voc_ingest.repository import tenants
from voc_ingest.repository.tenants import SourceRow, TenantRow


class ZoneFixed(Exception):
    """The zone cannot change: days of stored records were stamped in it."""


class NotThere(LookupError):
    """There is no such tenant or source."""


class Changed(Exception):
    """Another request changed the same settings meanwhile."""


def configured(row: TenantRow) -> TenantConfigured:
    """The event that tells a tenant's settings."""
    s = row.settings
    return TenantConfigured(
        tenant=row.tenant,
        version=row.version,
        zone=s.zone,
        currency=s.currency,
        blocked=s.blocked,
        settings=s.settings,
    )


async def put_tenant(
    database: Database, name: str, settings: TenantSettings, *, may_create: bool
) -> tuple[TenantRow, bool]:
    """Store a tenant's settings and tell everyone; (the row, whether it is new).

    Raises `NotThere`, `ZoneFixed`, `Changed`. The same settings again change nothing and tell nothing.
    """
    async with database.transaction(name) as tx:
        row = await tenants.tenant(tx, name, lock=True)
        if row is None and not may_create:
            raise NotThere(name)
        if row is not None and row.settings == settings:
            return row, False
        if row is not None and row.has_records and row.settings.zone != settings.zone:
            raise ZoneFixed(row.settings.zone)
        version = row.version + 1 if row else 1
        secret = row.secret if row else secrets.token_bytes(32)
        if not await tenants.put_tenant(tx, name, settings, version, secret):
            raise Changed(name)
        fresh = TenantRow(name, settings, version, secret, row is not None and row.has_records)
        tx.emit([configured(fresh)])
    return fresh, row is None


async def get_tenant(database: Database, name: str) -> TenantRow:
    """A tenant's settings; raises `NotThere`."""
    async with database.transaction(name) as tx:
        row = await tenants.tenant(tx, name)
    if row is None:
        raise NotThere(name)
    return row


async def put_source(
    database: Database, tenant: str, source: str, settings: SourceSettings
) -> SourceRow:
    """Store a source; raises `NotThere` if there is no such tenant."""
    async with database.transaction(tenant) as tx:
        if await tenants.tenant(tx, tenant) is None:
            raise NotThere(tenant)
        await tenants.put_source(tx, tenant, source, settings)
        rows = await tenants.source_rows(tx, tenant, only=source)
    return rows[0]


async def get_source(database: Database, tenant: str, source: str) -> SourceRow:
    """A source with its counts; raises `NotThere`."""
    async with database.transaction(tenant) as tx:
        rows = await tenants.source_rows(tx, tenant, only=source)
    if not rows:
        raise NotThere(source)
    return rows[0]


async def list_sources(database: Database, tenant: str, after: str, limit: int) -> Any:
    """Sources by name behind `after`."""
    async with database.transaction(tenant) as tx:
        return await tenants.source_rows(tx, tenant, after=after, limit=limit)


async def delete_source(database: Database, tenant: str, source: str) -> None:
    """Stop taking items of a source; what came stays. Raises `NotThere`."""
    async with database.transaction(tenant) as tx:
        if not await tenants.delete_source(tx, tenant, source):
            raise NotThere(source)
