"""Accepted requests that the bus has not acknowledged yet."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from voc_common.events import Kind, Lane
from voc_common.postgres import Transaction


class Kept(Struct, frozen=True, gc=False):
    """A revision as the archive gives it back for the bus."""

    tenant: str
    record_id: str
    revision: str
    received_at: int
    event_kind: Kind
    event: bytes


class Pending(Struct, frozen=True):
    """A request that is not published yet; `receipts` are the receipts of its revisions."""

    id: int
    tenant: str
    lane: Lane
    receipts: Sequence[int]
    traceparent: str


async def done(tx: Transaction, ids: Sequence[int]) -> None:
    """Forget requests that are published.

    Not worth waiting for the disk: if the deletion is lost in a crash they are published again.
    """
    await tx.run("set local synchronous_commit = off")
    await tx.run("delete from ingest.pending where id = any(cast(:ids as bigint[]))", ids=list(ids))


async def take_overdue(tx: Transaction, seconds: float, limit: int) -> Sequence[Pending]:
    """Requests older than `seconds`, oldest first, that no other worker holds."""
    rows = await tx.rows(
        "select id, tenant, lane, receipts, traceparent from ingest.pending "
        "where created_at < now() - make_interval(secs => cast(:seconds as float8)) "
        "order by id limit :limit for update skip locked",
        seconds=seconds,
        limit=limit,
    )
    return [Pending(r.id, r.tenant, r.lane, r.receipts, r.traceparent) for r in rows]


async def kept(tx: Transaction, tenant: str, receipts: Sequence[int]) -> Sequence[Kept]:
    """Archived revisions of a tenant by their receipts."""
    rows = await tx.rows(
        "select tenant, record_id, revision, received_at, event_kind, event from ingest.archive "
        "where tenant = :tenant and received_at = any(cast(:receipts as bigint[])) "
        "and received_at between :first and :last",
        tenant=tenant,
        receipts=list(receipts),
        first=min(receipts),
        last=max(receipts),
    )
    return [Kept(*r) for r in rows]


async def age(tx: Transaction) -> float:
    """Seconds that the oldest request has waited for the bus; 0 when there is none."""
    row = await tx.row(
        "select cast(coalesce(extract(epoch from now() - min(created_at)), 0) as float8) as age from ingest.pending"
    )
    return row.age if row else 0.0


async def least_known(tx: Transaction) -> int | None:
    """The least `known_at` (us) of the live requests that are not published yet."""
    row: Any = await tx.row("select min(known_at) as least from ingest.pending where lane = 'live'")
    return row.least
