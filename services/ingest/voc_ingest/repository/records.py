"""The latest revision of every record, and the archive of all of them."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from voc_common.events import Kind, Lane
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, numbers

from voc_ingest.domain.revisions import Latest


def _joined(words: Iterable[str]) -> str:
    """Ids, revisions and source names as one string, split by Postgres: a quarter of an array's cost."""
    return " ".join(words)


class Told(Struct, frozen=True):
    """A revision in the archive, with the event about it."""

    revision: str
    received_at: int
    occurred_at: int
    known_at: int
    source: str
    event_kind: Kind
    lane: Lane
    load: str
    event: bytes


class Archived(Struct, frozen=True, gc=False):
    """A revision for the archive; `event` is the event about it, encoded."""

    record_id: str
    revision: str
    received_at: int
    occurred_at: int
    known_at: int
    source: str
    event: bytes


async def take_newer(
    tx: Transaction, tenant: str, proposed: Sequence[tuple[str, str, int]]
) -> set[str]:
    """Store (record_id, revision, received_at), sorted and each record once, where plainly newer.

    Returns the ids of those stored. All the rows are locked now, also the others: a second look at them
    in the same transaction sees their last state.
    """
    rows = await tx.rows(
        "insert into ingest.record as r (tenant, record_id, revision, received_at) "
        "select :tenant, x.record_id, x.revision, x.received_at from unnest(string_to_array(:ids, ' '), "
        f"string_to_array(:revisions, ' '), {array('receipts', 'bigint')}) as x(record_id, revision, received_at) "
        "on conflict (tenant, record_id) do update "
        "set revision = excluded.revision, received_at = excluded.received_at "
        "where not r.erased and substr(r.revision, 33) <> substr(excluded.revision, 33) "
        "and excluded.revision > r.revision and excluded.received_at > r.received_at returning r.record_id",
        tenant=tenant,
        ids=_joined(p[0] for p in proposed),
        revisions=_joined(p[1] for p in proposed),
        receipts=numbers(p[2] for p in proposed),
    )
    return {r[0] for r in rows}


async def latest(tx: Transaction, tenant: str, ids: Sequence[str]) -> dict[str, Latest]:
    """The latest revision of records."""
    rows = await tx.rows(
        "select record_id, revision, received_at, erased from ingest.record "
        "where tenant = :tenant and record_id = any(cast(:ids as text[]))",
        tenant=tenant,
        ids=list(ids),
    )
    return {r.record_id: Latest(r.revision, r.received_at, r.erased) for r in rows}


async def archived_revisions(
    tx: Transaction, tenant: str, ids: Sequence[str]
) -> dict[str, list[str]]:
    """All revisions in the archive of records."""
    rows = await tx.rows(
        "select record_id, revision from ingest.archive where tenant = :tenant and record_id = any(cast(:ids as text[]))",
        tenant=tenant,
        ids=list(ids),
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.record_id, []).append(row.revision)
    return found


async def set_latest(tx: Transaction, tenant: str, states: Mapping[str, Latest]) -> None:
    """Store the latest revision of records whose rows this transaction has locked."""
    ordered = sorted(states)
    await tx.run(
        "update ingest.record r set revision = x.revision, received_at = x.received_at "
        "from unnest(cast(:ids as text[]), cast(:revisions as text[]), cast(:receipts as bigint[])) "
        "as x(record_id, revision, received_at) where r.tenant = :tenant and r.record_id = x.record_id",
        tenant=tenant,
        ids=ordered,
        revisions=[states[i].revision for i in ordered],
        receipts=[states[i].received_at for i in ordered],
    )


async def archive(
    tx: Transaction, tenant: str, event_kind: Kind, lane: Lane, load: str, rows: Sequence[Archived]
) -> None:
    """Keep revisions, each once."""
    await tx.run(
        "insert into ingest.archive (tenant, received_at, record_id, revision, occurred_at, known_at, source, "
        "event_kind, lane, load, event) "
        "select :tenant, x.received_at, x.record_id, x.revision, x.occurred_at, x.known_at, x.source, "
        f":event_kind, :lane, :load, x.event from unnest({array('receipts', 'bigint')}, string_to_array(:ids, ' '), "
        f"string_to_array(:revisions, ' '), {array('occurred', 'bigint')}, {array('known', 'bigint')}, "
        "string_to_array(:sources, ' '), cast(:events as bytea[])) "
        "as x(received_at, record_id, revision, occurred_at, known_at, source, event)",
        tenant=tenant,
        event_kind=event_kind,
        lane=lane,
        load=load,
        receipts=numbers(r.received_at for r in rows),
        ids=_joined(r.record_id for r in rows),
        revisions=_joined(r.revision for r in rows),
        occurred=numbers(r.occurred_at for r in rows),
        known=numbers(r.known_at for r in rows),
        sources=_joined(r.source for r in rows),
        events=[r.event for r in rows],
    )


async def ensure_archive(tx: Transaction, at: int) -> None:
    """Make the archive's partition for the month of a time (us) if it is not there."""
    await tx.rows("select ingest.ensure_archive(:at)", at=at)


async def revisions_of(
    tx: Transaction, tenant: str, record_id: str, before: int, limit: int
) -> Sequence[Told]:
    """Archived revisions of one record, latest receipt first, received before a time (us)."""
    rows = await tx.rows(
        "select revision, received_at, occurred_at, known_at, source, event_kind, lane, load, event "
        "from ingest.archive where tenant = :tenant and record_id = :record_id and received_at < :before "
        "order by received_at desc limit :limit",
        tenant=tenant,
        record_id=record_id,
        before=before,
        limit=limit,
    )
    return [Told(*r) for r in rows]


async def erase(tx: Transaction, tenants: Sequence[str], ids: Sequence[str]) -> int:
    """Empty records for good, known or not, and remove their revisions; pairs must be sorted and unique.

    Returns how many revisions were removed. The rows are locked first and the archive is read in a second
    statement: a revision that was being accepted meanwhile is seen then.
    """
    await tx.run(
        "insert into ingest.record as r (tenant, record_id, revision, received_at, erased) "
        "select x.tenant, x.record_id, '', 0, true from unnest(cast(:tenants as text[]), cast(:ids as text[])) "
        "as x(tenant, record_id) on conflict (tenant, record_id) do update "
        "set revision = '', received_at = 0, erased = true",
        tenants=list(tenants),
        ids=list(ids),
    )
    return await tx.run(
        "delete from ingest.archive a using unnest(cast(:tenants as text[]), cast(:ids as text[])) "
        "as x(tenant, record_id) where a.tenant = x.tenant and a.record_id = x.record_id",
        tenants=list(tenants),
        ids=list(ids),
    )
