"""Tell the archive again: the same bytes under the same versions, and the ends of loads, on the bulk lane."""

from collections.abc import Sequence

import msgspec
from voc_common.postgres import Database
from voc_common.worker import Context

from voc_ingest.handlers.loads import NoSource, ordered_id, publish_end
from voc_ingest.handlers.relay import message
from voc_ingest.handlers.tenants import configured
from voc_ingest.repository import loads, replays, tenants
from voc_ingest.repository.replays import ReplayRow

_AT_ONCE = 1000
_BYTES = 8 * 1024 * 1024


class NoReplay(LookupError):
    """There is no such replay."""


async def begin(
    database: Database, tenant: str, now: int, *, since: int, until: int, source: str
) -> ReplayRow:
    """Begin a replay of what was received in [`since`, `until`); raises `NoSource` where nothing ever came.

    The tenant's settings are told again too.
    """
    row = ReplayRow(tenant, ordered_id(now), since, until, source, at_received=since)
    async with database.transaction(tenant) as tx:
        if source and not await tenants.ever_seen(tx, tenant, source):
            raise NoSource(source)
        stored = await tenants.tenant(tx, tenant)
        if stored is not None:
            tx.emit([configured(stored)])
        await replays.create(tx, row)
    return row


async def find(database: Database, tenant: str, replay: str) -> ReplayRow:
    """A replay and how far it is; raises `NoReplay`."""
    async with database.transaction(tenant) as tx:
        row = await replays.find(tx, tenant, replay)
    if row is None:
        raise NoReplay(replay)
    return row


async def newest(database: Database, tenant: str, after: str, limit: int) -> Sequence[ReplayRow]:
    """Replays, newest first, behind a cursor."""
    async with database.transaction(tenant) as tx:
        return await replays.newest(tx, tenant, after, limit)


async def publish_replays(context: Context) -> bool:
    """Publish the next page of a running replay; False when none is running."""
    async with context.database.transaction() as tx:
        row = await replays.take_running(tx)
        if row is None:
            return False
        page = await replays.next_page(tx, row, _AT_ONCE, _BYTES)
        await context.producer.publish([message(r, "bulk") for r in page])
        if page:
            after = msgspec.structs.replace(
                row,
                published=row.published + len(page),
                at_received=page[-1].received_at,
                at_record=page[-1].record_id,
            )
        else:
            # Behind all records: who has lost them may have lost the ends of their loads, too.
            for load in await loads.closed(tx, row.tenant):
                await publish_end(context, load)
            after = msgspec.structs.replace(row, state="done")
        await replays.advance(tx, after)
    return True
