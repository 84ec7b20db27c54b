"""The latest revision of every record, and what the archive holds of it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from voc_common.events import Kind, Lane
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, numbers

from voc_ingest.domain.revisions import Latest
from voc_ingest.repository.archiving import joined


class Told(Struct, frozen=True):
    """A revision in the archive, with the event about it."""

    revision: str
    received_at: int
    source: str
    event_kind: Kind
    lane: Lane
    load: str
    event: bytes


_FIRST = "case when r.first_at = 0 then r.received_at else r.first_at end"
"""When a record first came: noted apart once it has come again."""


async def take_newer(
    tx: Transaction, tenant: str, proposed: Sequence[tuple[str, str, int]]
) -> tuple[dict[str, int], bool]:
    """Store (record_id, revision, received_at), sorted and each record once, where plainly newer.

    Returns when those stored came first, 0 for new ones, and whether all the records are new. All the rows are locked now, also
    the others: a second look at them in the same transaction sees their last state.
    """
    row = await tx.row(
        "with taken as (insert into ingest.record as r (tenant, record_id, revision, received_at) "
        "select :tenant, x.record_id, x.revision, x.received_at from unnest(string_to_array(:ids, ' '), "
        f"string_to_array(:revisions, ' '), {array('receipts', 'bigint')}) as x(record_id, revision, received_at) "
        "on conflict (tenant, record_id) do update "
        f"set revision = excluded.revision, received_at = excluded.received_at, first_at = {_FIRST} "
        "where not r.erased and substr(r.revision, 33) <> substr(excluded.revision, 33) "
        "and excluded.revision > r.revision and excluded.received_at > r.received_at "
        "returning new.record_id, case when old.record_id is null then 0 else new.first_at end as first_at) "
        "select string_agg(record_id, ' ') as ids, string_agg(cast(first_at as text), ' ') as firsts from taken",
        tenant=tenant,
        ids=joined(p[0] for p in proposed),
        revisions=joined(p[1] for p in proposed),
        receipts=numbers(p[2] for p in proposed),
    )
    firsts = map(int, (row.firsts or "").split())
    taken: dict[str, int] = dict(zip((row.ids or "").split(), firsts, strict=True))
    return taken, len(taken) == len(proposed) and not any(taken.values())


async def latest(tx: Transaction, tenant: str, ids: Sequence[str]) -> dict[str, Latest]:
    """The latest revision of records."""
    rows = await tx.rows(
        f"select record_id, revision, received_at, erased, {_FIRST} as first_at from ingest.record r "
        "where tenant = :tenant and record_id = any(cast(:ids as text[]))",
        tenant=tenant,
        ids=list(ids),
    )
    return {r.record_id: Latest(r.revision, r.received_at, r.erased, r.first_at) for r in rows}


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
        "update ingest.record r set revision = x.revision, received_at = x.received_at, first_at = x.first_at "
        "from unnest(cast(:ids as text[]), cast(:revisions as text[]), cast(:receipts as bigint[]), "
        "cast(:firsts as bigint[])) as x(record_id, revision, received_at, first_at) where r.tenant = :tenant and r.record_id = x.record_id",
        tenant=tenant,
        ids=ordered,
        revisions=[states[i].revision for i in ordered],
        receipts=[states[i].received_at for i in ordered],
        firsts=[states[i].first_at for i in ordered],
    )


async def ensure_archive(tx: Transaction, at: int) -> None:
    """Make the archive's partition for the month of a time (us) if it is not there."""
    await tx.rows("select ingest.ensure_archive(:at)", at=at)


async def revisions_of(
    tx: Transaction, tenant: str, record_id: str, before: int, limit: int
) -> Sequence[Told]:
    """Archived revisions of one record, latest receipt first, received before a time (us)."""
    rows = await tx.rows(
        "select revision, received_at, source, event_kind, lane, load, event "
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
        "set revision = '', received_at = 0, first_at = 0, erased = true",
        tenants=list(tenants),
        ids=list(ids),
    )
    return await tx.run(
        "delete from ingest.archive a using unnest(cast(:tenants as text[]), cast(:ids as text[])) "
        "as x(tenant, record_id) where a.tenant = x.tenant and a.record_id = x.record_id",
        tenants=list(tenants),
        ids=list(ids),
    )
