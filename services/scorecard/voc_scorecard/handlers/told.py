"""Know what other services say of themselves: tenant settings, taxonomies, items, the time."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voc_common.events import Event, ItemChanged, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Transaction
from voc_common.stage import TickAt

from voc_scorecard.repository import told


async def tenant_configured(tx: Transaction, batch: Sequence[TenantConfigured]) -> list[Event]:
    """Keep a tenant's latest settings; raises `ValueError` for a zone that does not exist."""
    latest: dict[str, TenantConfigured] = {}
    for event in batch:
        try:
            ZoneInfo(event.zone)
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:
            raise ValueError(f"no such zone: {event.zone[:100]!r}") from error
        if event.tenant not in latest or event.version > latest[event.tenant].version:
            latest[event.tenant] = event
    await told.keep_settings(tx, [latest[key] for key in sorted(latest)])
    return []


async def taxonomy_published(tx: Transaction, batch: Sequence[TaxonomyPublished]) -> list[Event]:
    """Keep the names, parents and owners of causes."""
    await told.keep_taxonomies(tx, batch)
    return []


async def item_changed(tx: Transaction, batch: Sequence[ItemChanged]) -> list[Event]:
    """Keep the state of backlog items, which hot issues show."""
    latest: dict[tuple[str, str], ItemChanged] = {}
    for event in batch:
        key = (event.tenant, event.item)
        if key not in latest or event.version > latest[key].version:
            latest[key] = event
    await told.keep_items(tx, [latest[key] for key in sorted(latest)])
    return []


async def ticked(tx: Transaction, ticks: Sequence[TickAt]) -> None:
    """Keep how far time has come in each partition, and which history loads are complete there."""
    await told.keep_ticks(tx, [(at.topic, at.partition, at.tick) for at in ticks])
