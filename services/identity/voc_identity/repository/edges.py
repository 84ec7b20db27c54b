"""Manual edges: what people said of persons."""

from collections.abc import Iterable, Sequence
from typing import Any

from voc_common.postgres import Transaction

from voc_identity.repository.shapes import IDS, EdgeRow, RecordKey, ids


async def edges(tx: Transaction, keys: Iterable[RecordKey]) -> list[EdgeRow]:
    """The manual edges in force that name any of these records."""
    found = await tx.rows(
        "select distinct e.tenant, e.edge, e.kind, e.left_records, e.right_records "
        f"from {IDS} join identity.edge_record as n on n.tenant = x.tenant and n.record_id = any(x.wanted) "
        "join identity.edge as e on e.tenant = n.tenant and e.edge = n.edge where e.retracted_at is null",
        **ids(keys),
    )
    return [
        EdgeRow(
            tenant=r.tenant,
            edge=r.edge,
            kind=r.kind,
            left_records=r.left_records,
            right_records=r.right_records,
        )
        for r in found
    ]


async def add_edge(
    tx: Transaction,
    tenant: str,
    kind: str,
    left: Sequence[str],
    right: Sequence[str],
    reason: str,
    by: str,
) -> int:
    """Store what a person said; returns its number, which orders it among all that was said."""
    found = await tx.row(
        "with made as (insert into identity.edge (tenant, kind, left_records, right_records, reason, made_by) "
        "values (:tenant, :kind, cast(:left as text[]), cast(:right as text[]), :reason, :by) returning edge), "
        "named as (insert into identity.edge_record (tenant, record_id, edge) "
        "select :tenant, r, edge from made, unnest(cast(:left as text[]) || cast(:right as text[])) as r "
        "on conflict do nothing) select edge from made",
        tenant=tenant,
        kind=kind,
        left=list(left),
        right=list(right),
        reason=reason,
        by=by,
    )
    assert found is not None
    return found.edge


async def retract_edge(tx: Transaction, tenant: str, edge: int, by: str) -> EdgeRow | None:
    """Take back what a person said; None if there is no such edge in force."""
    found = await tx.row(
        "update identity.edge set retracted_at = now(), retracted_by = :by "
        "where tenant = :tenant and edge = :edge and retracted_at is null "
        "returning tenant, edge, kind, left_records, right_records",
        tenant=tenant,
        edge=edge,
        by=by,
    )
    return EdgeRow(**dict(found)) if found else None


async def edge_page(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Manual edges, newest first, those taken back included."""
    return await tx.rows(
        "select edge, kind, left_records, right_records, reason, made_by, made_at, retracted_by, retracted_at "
        "from identity.edge where tenant = :tenant and edge < :before order by edge desc limit :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )
