"""Replays of the archive: their state, and the pages that they read."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from voc_common.postgres import Transaction

from voc_ingest.repository.pending import Kept


class ReplayRow(Struct, frozen=True):
    """A replay of what was received in [`since`, `until`) (us), of one source or of all ("").

    (`at_received`, `at_record`) is the last revision that was published.
    """

    tenant: str
    replay: str
    since: int
    until: int
    source: str
    state: Literal["running", "done"] = "running"
    published: int = 0
    at_received: int = 0
    at_record: str = ""


_COLUMNS = "tenant, replay, since, until, source, state, published, at_received, at_record"


async def create(tx: Transaction, row: ReplayRow) -> None:
    """Store a new replay."""
    await tx.run(
        "insert into ingest.replay (tenant, replay, since, until, source, at_received) "
        "values (:tenant, :replay, :since, :until, :source, :since)",
        tenant=row.tenant,
        replay=row.replay,
        since=row.since,
        until=row.until,
        source=row.source,
    )


async def find(tx: Transaction, tenant: str, replay: str) -> ReplayRow | None:
    """A replay."""
    row = await tx.row(
        f"select {_COLUMNS} from ingest.replay where tenant = :tenant and replay = :replay",
        tenant=tenant,
        replay=replay,
    )
    return ReplayRow(*row) if row else None


async def newest(tx: Transaction, tenant: str, after: str, limit: int) -> Sequence[ReplayRow]:
    """Replays, newest first, behind the cursor."""
    rows = await tx.rows(
        f"select {_COLUMNS} from ingest.replay where tenant = :tenant and (:after = '' or replay < :after) "
        "order by replay desc limit :limit",
        tenant=tenant,
        after=after,
        limit=limit,
    )
    return [ReplayRow(*r) for r in rows]


async def waiting(tx: Transaction) -> tuple[bool, bool]:
    """Whether a load is complete and not closed, and whether a replay is running: one look for both."""
    row = await tx.row(
        "select exists (select from ingest.load where state = 'complete') as ended, "
        "exists (select from ingest.replay where state = 'running') as running"
    )
    return row.ended, row.running


async def take_running(tx: Transaction) -> ReplayRow | None:
    """The replay that was served least recently, locked, that no other worker holds."""
    row = await tx.row(
        f"select {_COLUMNS} from ingest.replay where state = 'running' "
        "order by served_at, created_at limit 1 for update skip locked"
    )
    return ReplayRow(*row) if row else None


async def next_page(tx: Transaction, row: ReplayRow, limit: int, size: int) -> Sequence[Kept]:
    """The next revisions of a replay, at most `limit` of about `size` bytes together."""
    rows = await tx.rows(
        "select tenant, record_id, revision, received_at, event_kind, event from ("
        "select p.*, sum(octet_length(event)) over (order by received_at, record_id) - octet_length(event) as before "
        "from (select tenant, record_id, revision, received_at, event_kind, event from ingest.archive "
        "where tenant = :tenant and received_at >= :at_received and received_at < :until "
        "and (received_at, record_id) > (:at_received, :at_record) and (:source = '' or source = :source) "
        "order by received_at, record_id limit :limit) p) q where before < :size",
        tenant=row.tenant,
        at_received=row.at_received,
        at_record=row.at_record,
        until=row.until,
        source=row.source,
        limit=limit,
        size=size,
    )
    return [Kept(*r) for r in rows]


async def advance(tx: Transaction, row: ReplayRow) -> None:
    """Store how far a replay is."""
    await tx.run(
        "update ingest.replay set state = :state, published = :published, at_received = :at_received, "
        "at_record = :at_record, served_at = clock_timestamp(), "
        "finished_at = case when :state = 'done' then now() end "
        "where tenant = :tenant and replay = :replay",
        tenant=row.tenant,
        replay=row.replay,
        state=row.state,
        published=row.published,
        at_received=row.at_received,
        at_record=row.at_record,
    )
