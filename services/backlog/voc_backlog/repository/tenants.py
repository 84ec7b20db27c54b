"""What a tenant's items are judged by: settings, taxonomy, routes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from voc_common.events import CauseNode, TaxonomyPublished, TenantConfigured
from voc_common.postgres import Transaction

from voc_backlog.domain.ground import Ground, Route, read_policy


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class RouteSet(Struct, frozen=True):
    """A version of a tenant's routes, and who made it when (ISO 8601)."""

    version: int
    routes: tuple[Route, ...]
    made_by: str
    made_at: str


async def grounds(tx: Transaction, tenants: Collection[str]) -> dict[str, Ground]:
    """What these tenants go by, held still until the end of the transaction.

    The lock lets a change of settings, taxonomy or routes wait for this transaction, so that judging
    all items anew, which follows such a change, sees every item that was judged by the former ones.
    """
    names = sorted(set(tenants))
    await _make(tx, names)
    rows = await tx.rows(
        "select t.*, (select value from backlog.generation) as generation from backlog.tenant as t "
        "where t.tenant = any(cast(:names as text[])) order by t.tenant for key share of t",
        names=names,
    )
    routes = await _routes(tx, names)
    return {r.tenant: _ground(r, routes) for r in rows}


async def _make(tx: Transaction, names: Sequence[str]) -> None:
    await tx.run(
        "insert into backlog.tenant (tenant) select name from unnest(cast(:names as text[])) as x(name) "
        "where not exists (select from backlog.tenant as t where t.tenant = name) "
        "order by name on conflict do nothing",
        names=names,
    )


async def _routes(
    tx: Transaction, names: Sequence[str]
) -> dict[str, tuple[int, tuple[Route, ...]]]:
    rows = await tx.rows(
        "select distinct on (tenant) tenant, version, routes from backlog.route_set "
        "where tenant = any(cast(:names as text[])) order by tenant, version desc",
        names=names,
    )
    return {r.tenant: (r.version, _read_routes(r.routes)) for r in rows}


def _read_routes(found: Any) -> tuple[Route, ...]:
    return msgspec.convert(found, tuple[Route, ...])


def _ground(row: Any, routes: Mapping[str, tuple[int, tuple[Route, ...]]]) -> Ground:
    policy, stated, ignored = read_policy(row.settings)
    nodes = msgspec.convert(row.nodes, list[CauseNode])
    version, rules = routes.get(row.tenant, (0, ()))
    return Ground(
        tenant=row.tenant,
        generation=row.generation,
        currency=row.currency,
        settings_version=row.settings_version,
        policy=policy,
        stated=stated,
        ignored=ignored,
        taxonomy_version=row.taxonomy_version,
        nodes={n.id: n for n in nodes},
        routes_version=version,
        routes=rules,
    )


async def hold(tx: Transaction, tenants: Collection[str]) -> None:
    """Keep everyone else from judging items of these tenants until the end of the transaction."""
    names = sorted(set(tenants))
    await _make(tx, names)
    await tx.rows(
        "select 1 from backlog.tenant where tenant = any(cast(:names as text[])) order by tenant for update",
        names=names,
    )


async def configure(tx: Transaction, event: TenantConfigured) -> bool:
    """Take over settings if they are newer."""
    changed = await tx.run(
        "update backlog.tenant set settings_version = :version, currency = :currency, "
        "settings = cast(:settings as jsonb) where tenant = :tenant and settings_version < :version",
        tenant=event.tenant,
        version=event.version,
        currency=event.currency,
        settings=_json(event.settings),
    )
    return changed > 0


async def publish(tx: Transaction, event: TaxonomyPublished) -> bool:
    """Take over a taxonomy if it is newer."""
    changed = await tx.run(
        "update backlog.tenant set taxonomy_version = :version, published_at = :published_at, "
        "nodes = cast(:nodes as jsonb) where tenant = :tenant "
        "and (taxonomy_version, published_at) < (:version, :published_at)",
        tenant=event.tenant,
        version=event.version,
        published_at=event.published_at,
        nodes=_json(event.nodes),
    )
    return changed > 0


async def route_set(tx: Transaction, tenant: str, version: int | None = None) -> RouteSet | None:
    """A version of a tenant's routes, the latest by default."""
    row = await tx.row(
        "select version, routes, made_by, made_at from backlog.route_set where tenant = :tenant "
        "and version = coalesce(cast(:version as bigint), "
        "(select max(version) from backlog.route_set where tenant = :tenant))",
        tenant=tenant,
        version=version,
    )
    if row is None:
        return None
    return RouteSet(
        row.version,
        _read_routes(row.routes),
        row.made_by,
        row.made_at.isoformat().replace("+00:00", "Z"),
    )


async def add_routes(
    tx: Transaction, tenant: str, version: int, routes: Sequence[Route], by: str
) -> None:
    """Store a version of a tenant's routes."""
    await tx.run(
        "insert into backlog.route_set (tenant, version, routes, made_by) "
        "values (:tenant, :version, cast(:routes as jsonb), :by)",
        tenant=tenant,
        version=version,
        routes=_json(routes),
        by=by,
    )
