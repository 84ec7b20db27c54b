"""Taxonomies by version, trained models, and which model decides."""

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct
from voc_common.postgres import Transaction


class Active(Struct, frozen=True):
    """The model that decides for a tenant: its place in the order of models, and its hash."""

    sequence: int
    model: str


async def taxonomy(tx: Transaction, tenant: str, version: int) -> Any:
    """A version of a tenant's taxonomy, or None; version 0 is the draft."""
    return await tx.row(
        "select version, document, made_by, made_at, published_at, published_by from taxonomy.taxonomy "
        "where tenant = :tenant and version = :version",
        tenant=tenant,
        version=version,
    )


async def taxonomies(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Published versions, newest first, below `before`."""
    return await tx.rows(
        "select version, made_by, made_at, published_at, published_by from taxonomy.taxonomy "
        "where tenant = :tenant and version > 0 and version < :before order by version desc limit :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )


async def newest(tx: Transaction, tenant: str) -> int:
    """The newest published version; 0 if there is none."""
    row = await tx.row(
        "select coalesce(max(version), 0) as version from taxonomy.taxonomy where tenant = :tenant",
        tenant=tenant,
    )
    return row.version if row else 0


async def put_draft(tx: Transaction, tenant: str, document: bytes, by: str) -> None:
    """Write the draft."""
    await tx.run(
        "insert into taxonomy.taxonomy (tenant, version, document, made_by) values (:tenant, 0, :document, :by) "
        "on conflict (tenant, version) do update set document = excluded.document, made_by = excluded.made_by, "
        "made_at = now()",
        tenant=tenant,
        document=document,
        by=by,
    )


async def publish(
    tx: Transaction, tenant: str, version: int, document: bytes, made_by: str, by: str
) -> bool:
    """Publish a version; False if somebody else has published that version first."""
    return (
        await tx.run(
            "insert into taxonomy.taxonomy (tenant, version, document, made_by, published_at, published_by) "
            "values (:tenant, :version, :document, :made_by, now(), :by) on conflict do nothing",
            tenant=tenant,
            version=version,
            document=document,
            made_by=made_by,
            by=by,
        )
        == 1
    )


async def generation(tx: Transaction) -> int:
    """The schema's generation; it is raised when a backup is restored."""
    return (await active(tx, ()))[0]


async def active(tx: Transaction, tenants: Collection[str]) -> tuple[int, dict[str, Active]]:
    """The schema's generation, and the models of these tenants; a tenant without one is left out."""
    # How many tenants there are is hidden from the planner: if it knew, it would plan anew for every batch.
    rows = await tx.rows(
        "select coalesce((select value from taxonomy.generation), 1) as generation, a.tenant, a.sequence, a.model "
        "from (values (1)) as one left join (select a.tenant, m.sequence, m.model from taxonomy.active as a "
        "join taxonomy.model as m on m.tenant = a.tenant and m.sequence = a.sequence "
        "where a.tenant = any(cast((select cast(:tenants as text[])) as text[]))) as a on true",
        tenants=sorted(tenants),
    )
    found = {r.tenant: Active(r.sequence, r.model) for r in rows if r.tenant is not None}
    return rows[0].generation, found


async def artifact(tx: Transaction, tenant: str, sequence: int) -> Any:
    """The bytes of a model and the taxonomy version it was trained for."""
    return await tx.row(
        "select model, artifact, taxonomy from taxonomy.model where tenant = :tenant and sequence = :sequence",
        tenant=tenant,
        sequence=sequence,
    )


async def add_model(
    tx: Transaction,
    tenant: str,
    model: str,
    taxonomy_version: int,
    artifact_bytes: bytes,
    report: str,
    by: str,
) -> int:
    """Store a model; returns its place in the order of the tenant's models, a known one's own."""
    await tx.run(
        "select pg_advisory_xact_lock(hashtext('taxonomy.model ' || :tenant))", tenant=tenant
    )
    known = await tx.row(
        "select sequence from taxonomy.model where tenant = :tenant and model = :model",
        tenant=tenant,
        model=model,
    )
    if known is not None:
        return known.sequence
    row = await tx.row(
        "insert into taxonomy.model (tenant, sequence, model, taxonomy, artifact, report, made_by) "
        "select :tenant, coalesce(max(sequence), 0) + 1, :model, :taxonomy, :artifact, cast(:report as jsonb), :by "
        "from taxonomy.model where tenant = :tenant returning sequence",
        tenant=tenant,
        model=model,
        taxonomy=taxonomy_version,
        artifact=artifact_bytes,
        report=report,
        by=by,
    )
    assert row is not None
    return row.sequence


async def activate(tx: Transaction, tenant: str, sequence: int, by: str) -> bool:
    """Let a model decide from now on; False if there is no such model."""
    return (
        await tx.run(
            "insert into taxonomy.active (tenant, sequence, set_by) select tenant, sequence, :by from taxonomy.model "
            "where tenant = :tenant and sequence = :sequence on conflict (tenant) do update "
            "set sequence = excluded.sequence, set_by = excluded.set_by, since = now()",
            tenant=tenant,
            sequence=sequence,
            by=by,
        )
        == 1
    )


async def models(tx: Transaction, tenant: str, before: int, limit: int) -> Sequence[Any]:
    """Models, newest first, below `before`."""
    return await tx.rows(
        "select m.sequence, m.model, m.taxonomy, m.report, m.made_by, m.made_at, a.sequence is not null as active "
        "from taxonomy.model as m left join taxonomy.active as a on a.tenant = m.tenant and a.sequence = m.sequence "
        "where m.tenant = :tenant and m.sequence < :before order by m.sequence desc limit :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )
