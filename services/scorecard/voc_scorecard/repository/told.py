"""What other services say of themselves: tenant settings, causes, items, and how far time has come."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from voc_common.events import ItemChanged, TaxonomyPublished, TenantConfigured, Tick
from voc_common.postgres import Transaction
from voc_common.postgres.arrays import array, numbers, texts, unnest

_encode = msgspec.json.Encoder().encode


async def keep_settings(tx: Transaction, configured: Sequence[TenantConfigured]) -> None:
    """Keep each tenant's latest settings (one each, sorted)."""
    columns = {
        "tenant": "text",
        "version": "int",
        "zone": "text",
        "currency": "text",
        "settings": "jsonb",
    }
    await tx.run(
        "insert into scorecard.tenant_settings as s (tenant, version, zone, currency, settings) "
        f"select tenant, version, zone, currency, cast(settings as jsonb) from {unnest(columns)} "
        "on conflict (tenant) do update set version = excluded.version, zone = excluded.zone, "
        "currency = excluded.currency, settings = excluded.settings where excluded.version > s.version",
        tenant=texts([e.tenant for e in configured]),
        version=numbers([e.version for e in configured]),
        zone=texts([e.zone for e in configured]),
        currency=texts([e.currency for e in configured]),
        settings=texts([_encode(e.settings).decode() for e in configured]),
    )


async def keep_taxonomies(tx: Transaction, published: Sequence[TaxonomyPublished]) -> None:
    """Keep each tenant's latest taxonomy, and of each cause what the latest that has it says (sorted)."""
    await tx.run(
        "insert into scorecard.taxonomy as t (tenant, version) "
        f"select tenant, max(version) from {unnest({'tenant': 'text', 'version': 'int'})} group by 1 "
        "order by 1 on conflict (tenant) do update set version = excluded.version "
        "where excluded.version > t.version",
        tenant=texts([e.tenant for e in published]),
        version=numbers([e.version for e in published]),
    )
    latest = {
        (e.tenant, node.id): (e.version, node)
        for e in sorted(published, key=lambda e: e.version)
        for node in e.nodes
    }
    ordered = sorted(latest)
    nodes = [latest[key] for key in ordered]
    columns = {
        "tenant": "text",
        "cause": "text",
        "version": "int",
        "name": "text",
        "parent": "text",
    }
    columns |= {"stages": "jsonb", "kind": "text", "owner": "text"}
    await tx.run(
        "insert into scorecard.cause as c (tenant, cause, version, name, parent, stages, kind, owner) "
        "select tenant, cause, version, name, parent, cast(stages as jsonb), kind, owner "
        f"from {unnest(columns)} on conflict (tenant, cause) do update set version = excluded.version, "
        "name = excluded.name, parent = excluded.parent, stages = excluded.stages, kind = excluded.kind, "
        "owner = excluded.owner where excluded.version > c.version",
        tenant=texts([tenant for tenant, _ in ordered]),
        cause=texts([cause for _, cause in ordered]),
        version=numbers([version for version, _ in nodes]),
        name=texts([node.name for _, node in nodes]),
        parent=texts([node.parent for _, node in nodes]),
        stages=texts([_encode(node.stages).decode() for _, node in nodes]),
        kind=texts([node.kind for _, node in nodes]),
        owner=texts([node.owner for _, node in nodes]),
    )


async def keep_items(tx: Transaction, items: Sequence[ItemChanged]) -> None:
    """Keep the latest state of backlog items (one each, sorted)."""
    columns = {"tenant": "text", "item": "text", "version": "bigint", "state": "jsonb"}
    await tx.run(
        "insert into scorecard.item_ref as i (tenant, item, version, state) "
        f"select tenant, item, version, cast(state as jsonb) from {unnest(columns)} "
        "on conflict (tenant, item) do update set version = excluded.version, state = excluded.state "
        "where excluded.version > i.version",
        tenant=texts([e.tenant for e in items]),
        item=texts([e.item for e in items]),
        version=numbers([e.version for e in items]),
        state=texts([_encode(e).decode() for e in items]),
    )


async def keep_ticks(tx: Transaction, ticks: Sequence[tuple[str, int, Tick]]) -> None:
    """Advance the watermarks of partitions, never back; a load's own marks are kept apart."""
    live = {(topic, at): 0 for topic, at, tick in ticks if not tick.load}
    for topic, at, tick in ticks:
        if not tick.load:
            live[topic, at] = max(live[topic, at], tick.through)
    if live:
        await tx.run(
            "insert into scorecard.watermark as w (topic, partition, through) "
            f"select topic, partition, through from {unnest(_PLACE | {'through': 'bigint'})} "
            "on conflict (topic, partition) do update set through = greatest(w.through, excluded.through)",
            topic=texts([topic for topic, _ in sorted(live)]),
            partition=numbers([at for _, at in sorted(live)]),
            through=numbers([live[key] for key in sorted(live)]),
        )
    loads = {
        (tick.tenant, tick.load, topic, OPENING if tick.opens else at): tick
        for topic, at, tick in ticks
        if tick.load
    }
    if loads:
        ordered = sorted(loads)
        columns = {
            "tenant": "text",
            "load": "text",
            **_PLACE,
            "since": "bigint",
            "through": "bigint",
            "partitions": "int",
        }
        await tx.run(
            "insert into scorecard.load_mark (tenant, load, topic, partition, since, through, partitions) "
            f"select tenant, load, topic, partition, since, through, partitions from {unnest(columns)} "
            "on conflict do nothing",
            tenant=texts([tenant for tenant, *_ in ordered]),
            load=texts([load for _, load, *_ in ordered]),
            topic=texts([topic for _, _, topic, _ in ordered]),
            partition=numbers([at for *_, at in ordered]),
            since=numbers([loads[key].since for key in ordered]),
            through=numbers([loads[key].through for key in ordered]),
            partitions=numbers([loads[key].partitions for key in ordered]),
        )


OPENING = -1
"""In place of a partition: the load has begun."""
_PLACE = {"topic": "text", "partition": "int"}


async def watermark(tx: Transaction, topics: Collection[str]) -> tuple[int, int]:
    """Up to when all that was known has been counted, over the partitions of these topics that ticked.

    Returns (least `through` or 0, how many partitions ticked); the caller knows how many there are.
    """
    row = await tx.row(
        "select coalesce(min(through), 0) as through, count(*) as partitions from scorecard.watermark "
        f"where topic = any({array('topics', 'text')})",
        topics=texts(sorted(topics)),
    )
    return (row.through, row.partitions) if row else (0, 0)


async def zone(tx: Transaction, tenant: str) -> str:
    """The tenant's zone, UTC where none was set."""
    row = await tx.row(
        "select zone from scorecard.tenant_settings where tenant = :tenant", tenant=tenant
    )
    return row.zone if row else "UTC"


async def cause_names(tx: Transaction, tenant: str) -> dict[str, str]:
    """Names of all causes that the tenant's taxonomies ever had."""
    rows: Any = await tx.rows(
        "select cause, name from scorecard.cause where tenant = :tenant", tenant=tenant
    )
    return dict(rows)
