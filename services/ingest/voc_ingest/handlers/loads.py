"""Loads of files: begun, filled by posts that name them, completed, and closed by a tick of their own."""

import secrets
from collections.abc import Sequence

from voc_common.events import FeedbackReceived, Tick
from voc_common.postgres import Database
from voc_common.wire import encode_tick, topic
from voc_common.worker import Context

from voc_ingest.handlers.ticks import publish_ticks
from voc_ingest.repository import loads, tenants
from voc_ingest.repository.loads import LoadRow


class NoLoad(LookupError):
    """There is no such load."""


class NoSource(LookupError):
    """There is no such source."""


def ordered_id(now: int) -> str:
    """An id that sorts by the time it was made (us)."""
    return f"{now:014x}{secrets.token_hex(5)}"


async def begin(
    database: Database, tenant: str, source: str, now: int, *, history: bool
) -> LoadRow:
    """Begin a load of one source's items; raises `NoSource`."""
    row = LoadRow(tenant, ordered_id(now), source, history, "open")
    async with database.transaction(tenant) as tx:
        if not await tenants.source_rows(tx, tenant, only=source):
            raise NoSource(source)
        await loads.create(tx, row)
        if history:
            # Later services must not judge a half-loaded past; the closing ticks let them.
            opening = Tick(through=0, tenant=tenant, load=row.load, opens=True)
            tx.emit_raw([encode_tick(opening, topic(FeedbackReceived, "bulk"), 0)])
    return row


async def complete(database: Database, tenant: str, load: str) -> LoadRow:
    """Nothing more comes with this load; saying so twice is fine. Raises `NoLoad`.

    Waits for posts to it that are being stored, so that its tick can come behind all of them.
    """
    async with database.transaction(tenant) as tx:
        await loads.complete(tx, tenant, load)
    return await find(database, tenant, load)


async def find(database: Database, tenant: str, load: str) -> LoadRow:
    """A load and how far it is; raises `NoLoad`."""
    async with database.transaction(tenant) as tx:
        row = await loads.find(tx, tenant, load)
    if row is None:
        raise NoLoad(load)
    return row


async def newest(database: Database, tenant: str, after: str, limit: int) -> Sequence[LoadRow]:
    """Loads, newest first, behind a cursor."""
    async with database.transaction(tenant) as tx:
        found = [
            await loads.find(tx, tenant, i) for i in await loads.page(tx, tenant, after, limit)
        ]
    return [row for row in found if row is not None]


async def close_loads(context: Context) -> bool:
    """Tick the bulk topics for one load that is complete and published; False when there is none."""
    async with context.database.transaction() as tx:
        taken = await loads.take_complete(tx)
        if taken is None:
            return False
        row = await loads.find(tx, *taken)
        assert row is not None
        # Closed only after the acknowledgement: a crash in between ticks twice, which is harmless.
        await publish_end(context, row)
        await loads.close(tx, *taken)
    return True


async def publish_end(context: Context, row: LoadRow) -> None:
    """Tell that all of a load has been published."""
    tick = Tick(through=row.through, tenant=row.tenant, load=row.load, since=row.since)
    await publish_ticks(context, tick, "bulk")
