"""Tenants and sources as the door knows them, remembered for a few seconds."""

import time
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct
from voc_common.postgres import Database

from voc_ingest.domain.days import LocalDays
from voc_ingest.domain.normalising import Rules
from voc_ingest.domain.tenants import KnownSettings
from voc_ingest.repository import tenants as stored
from voc_ingest.repository.tenants import TenantRow


class UnknownTenant(LookupError):
    """There is no such tenant."""


class Known(Struct):
    """A tenant with all that is needed to take its items; `rules` by source."""

    row: TenantRow
    settings: KnownSettings
    days: LocalDays
    rules: Mapping[str, Rules]
    has_records: bool
    read_at: float


class Directory:
    """Reads a tenant again after `seconds`, or at once when a source is asked for that is not known."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._known: dict[str, Known] = {}

    async def known(self, tenant: str, sources: Iterable[str] = ()) -> Known:
        """A tenant, as fresh as these sources need; raises `UnknownTenant`."""
        found = self._known.get(tenant)
        now = time.monotonic()
        if found and now - found.read_at < self._seconds and all(s in found.rules for s in sources):
            return found
        async with self._database.transaction(tenant) as tx:
            row = await stored.tenant(tx, tenant)
            if row is None:
                self._known.pop(tenant, None)
                raise UnknownTenant(tenant)
            by_name = await stored.sources(tx, tenant)
        settings = msgspec.convert(row.settings.settings, KnownSettings, strict=False)
        same_zone = found is not None and found.row.settings.zone == row.settings.zone
        fresh = Known(
            row,
            settings,
            found.days if found and same_zone else LocalDays(row.settings.zone),
            {name: Rules(row.secret, settings.redact, s) for name, s in by_name.items()},
            row.has_records,
            now,
        )
        self._known[tenant] = fresh
        return fresh

    def forget(self, tenant: str) -> None:
        """Its settings have changed: read them again before the next use."""
        self._known.pop(tenant, None)
